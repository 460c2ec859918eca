"""Regimes: which one the filter was in, how sure it was, when they changed, what they were like."""

from collections.abc import Iterator

import numpy as np

from stream_filters_client.palette import ALARM, ESTIMATE, TRUTH, regime_hue
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.runs import StreamRun
from stream_filters_client.report.panels import Layer, Panel, Stack, Strip, span, wider
from stream_filters_client.report.timeline import Timeline, columns
from stream_filters_client.scoring.scores import match_labels


def labels(values: Array) -> Array:
    """Regimes as integers, [T]; -1 where there is none."""
    return np.where(np.isfinite(values), values, -1).astype(np.int64)


def regime_panels(stream: StreamRun, time: Timeline) -> Iterator[Panel]:
    """Nothing for a stream without regimes."""
    if "regime" not in stream.outputs:
        return
    regime = labels(stream.outputs["regime"])
    truth = labels(stream.truth["regime"]) if "regime" in stream.truth else None
    yield _coloured(stream, time, regime, truth)
    if "regime_probabilities" in stream.outputs:
        yield _shares(stream.outputs["regime_probabilities"], time)
    if "change_probability" in stream.outputs:
        yield _changes(stream.outputs["change_probability"], time, regime, truth)
    for name, word in (("regime_means", "means"), ("regime_stds", "standard deviations")):
        if name in stream.outputs:
            yield _levels(stream, time, name, word)


def _coloured(stream: StreamRun, time: Timeline, regime: Array, truth: Array | None) -> Panel:
    observed = columns(stream.observations)[:, 0]
    found = np.unique(regime[regime >= 0]).tolist()
    layers: list[Layer] = [
        time.dots(np.where(regime == label, observed, np.nan), regime_hue(label), f"regime {label}") for label in found
    ]
    focus = span(observed)
    told = f"Observations in the colours of the {len(found)} regimes that the filter put them in"
    if truth is not None and focus is not None:
        layers.append(_strip(time, _as_found(regime, truth)))
        # room for the strip
        focus = (focus[0] - 0.1 * (focus[1] - focus[0]), focus[1])
        told += "; the strip below has the true ones"
    title = "Observations by regime" if truth is None else "Observations by regime, true ones below"
    return Panel("regimes", title, told, time.label, "observed unit", layers, focus and wider(focus))


def _strip(time: Timeline, regime: Array) -> Strip:
    begins, ends = time.thinning.stretches(regime)
    hues = ["muted" if regime[row] < 0 else regime_hue(int(regime[row])) for row in begins]
    return Strip(time.x[begins], time.x[np.minimum(ends + 1, len(time.x) - 1)], hues, 0.0, 0.05)


def _as_found(found: Array, truth: Array) -> Array:
    """True regimes under the labels that the filter has for them, -1 for those that it has none for."""
    named = np.full(len(truth), -1)
    for label, target in match_labels(found, truth).items():
        named[truth == target] = label
    return named


def _shares(probabilities: Array, time: Timeline) -> Panel:
    rows, shares = time.thinning.means(np.nan_to_num(probabilities).T)
    numbers = range(len(shares))
    names = [f"regime {label}" for label in numbers]
    stack = Stack(time.x[rows], shares, [regime_hue(label) for label in numbers], names)
    title = "Probability of each regime"
    return Panel(
        "regime shares", title, f"{title}, one above the other", time.label, "probability", [stack], (0.0, 1.0)
    )


def _changes(probability: Array, time: Timeline, regime: Array, truth: Array | None) -> Panel:
    announced = _changed(regime)
    layers: list[Layer] = [
        time.marks(announced, ESTIMATE, "announced", 0.86, 0.91),
        time.line(probability, ALARM, "probability of a change"),
    ]
    told = f"Probability that the regime changed at each observation, and the {len(announced)} changes announced"
    if truth is not None:
        true = _changed(truth)
        layers.append(time.marks(true, TRUTH, "true", 0.93, 0.98))
        told += f"; {len(true)} were true"
    return Panel("changes", "Changes of regime", told, time.label, "probability", layers, (-0.02, 1.2))


def _changed(regime: Array) -> Array:
    return np.flatnonzero(np.diff(regime)) + 1


def _levels(stream: StreamRun, time: Timeline, name: str, word: str) -> Panel:
    values = stream.outputs[name]
    layers: list[Layer] = []
    truth = stream.truth.get(name)
    if truth is not None and "regime" in stream.truth:
        matched = match_labels(labels(stream.outputs["regime"]), labels(stream.truth["regime"]))
        layers += [
            time.line(truth[:, target], regime_hue(label), "true" * (not index), dashed=True)
            for index, (label, target) in enumerate(sorted(matched.items()))
        ]
    layers += [
        time.line(column, regime_hue(label), f"regime {label}")
        for label, column in enumerate(values.T)
        if np.isfinite(column).any()
    ]
    settled = span(values[time.settled :], *([] if truth is None else [truth]))
    title = f"Learned {word} of the regimes"
    told = title + ("" if truth is None else "; the true ones are dashed")
    return Panel(name, title, told, time.label, "observed unit", layers, settled and wider(settled))
