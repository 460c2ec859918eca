"""What to call each number of a row of outputs, in data frames and tables."""

from collections.abc import Mapping

import numpy as np

from stream_filters_client import estimates
from stream_filters_client.estimates import Described, Meaning

_BAND = ("median", "lower", "upper")
_INTERVAL = ("lower", "upper")


def column_names(outputs: Mapping[str, Described]) -> dict[str, tuple[str, ...]]:
    """The names of each output's numbers: `position_mean`, `coefficients_2_median`, `regime_means_0`.

    Axes and lags count from 1, labels from 0. Ends of intervals are `_lower` and `_upper`, and so are those of bands,
    behind the `_median`.
    """
    meanings = {name: one.meaning for one in estimates.read(outputs).quantities for name in one.outputs}
    return {name: _names(name, output.shape, meanings.get(name)) for name, output in outputs.items()}


def _names(name: str, shape: tuple[int, ...], meaning: Meaning | None) -> tuple[str, ...]:
    ends: tuple[str, ...] = ()
    if name.endswith("_interval") and shape[-1:] == (len(_INTERVAL),):
        ends = _INTERVAL
    elif meaning is Meaning.BAND:
        ends = _BAND
    counted = shape[:-1] if ends else shape
    by_label = meaning is Meaning.BY_LABEL
    found = []
    for index in np.ndindex(counted):
        numbers = [str(at + (not by_label)) for at, size in zip(index, counted, strict=True) if size > 1 or by_label]
        found += ["_".join([name, *numbers, *end]) for end in ([[one] for one in ends] or [[]])]
    return tuple(found)
