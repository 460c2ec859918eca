"""Plots made of characters say what they show."""

import numpy as np
import pytest
from stream_filters_client.terminal.live_plot import Series, plot


@pytest.mark.parametrize(("low", "high"), [(7.5, 7.5), (100.25, 100.75), (0.0, 7.5), (-3.0, 1e5), (1e-4, 3e-4)])
def test_an_axis_says_the_values_at_its_ticks(low: float, high: float) -> None:
    """A tick's label is its value: ticks are as far apart as their labels are."""
    text = plot("x", [Series(np.linspace(low, high, 50), "cyan", line=True)], 0, 60, 16).plain
    lines = text.split("\n")
    ticks = [
        (row, float(line.rpartition("│")[2].replace(",", "")))
        for row, line in enumerate(lines)
        if line.count("│") == 2 and line.rpartition("│")[2].strip()
    ]
    rows, values = np.array(ticks).T
    assert len(ticks) >= 2
    # characters have a height: a tick is up to half of it off its row
    slope, shift = np.polyfit(rows, values, 1)
    assert np.abs(slope * rows + shift - values).max() <= abs(slope)
    if high > low:
        assert values.min() >= low - abs(slope)
        assert values.max() <= high + abs(slope)
