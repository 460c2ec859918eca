"""How high a chart reaches: all lines, and bands as far as they do not squash them."""

from collections.abc import Mapping, Sequence

import numpy as np

from stream_filters_client.dashboard.charts import Chart, MarkKind
from stream_filters_client.protocol.codec import Floats

# a band that is wider only for moments, as before anything is learnt, is cut off
_BAND_SHARES = (5.0, 95.0)
_LINE_SHARES = (0.5, 99.5)
_MARGIN = 0.06


def limits(chart: Chart, rows: Mapping[str, Floats]) -> tuple[float, float] | None:
    """Lower and upper end of the y axis; None as long as there is nothing to see."""
    if chart.limits is not None:
        return chart.limits
    ends: list[float] = []
    for mark in chart.marks:
        shares = _BAND_SHARES if mark.kind in {MarkKind.BAND, MarkKind.BARS} else _LINE_SHARES
        whole = mark.kind is MarkKind.DOTS or mark.true
        for column in mark.columns:
            values = rows.get(column, np.empty(0))
            values = values[np.isfinite(values)]
            if values.size:
                ends += [values.min(), values.max()] if whole else list(np.percentile(values, shares))
    if not ends:
        return None
    low, high = min(ends), max(ends)
    margin = _MARGIN * (high - low) or max(abs(high), 1.0) * _MARGIN
    return float(low - margin), float(high + margin)


def moved(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the axis should follow: far enough to be seen, so that it does not tremble."""
    span = after[1] - after[0]
    return max(abs(before[0] - after[0]), abs(before[1] - after[1])) > 0.02 * span
