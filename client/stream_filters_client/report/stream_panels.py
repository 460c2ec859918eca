"""What was observed, and what the filter made of it: the pictures over time of one stream."""

from collections.abc import Iterator
from dataclasses import dataclass

from stream_filters_client.estimates import Meaning, Quantity, read_arrays
from stream_filters_client.palette import ESTIMATE, OBSERVED, TRUTH
from stream_filters_client.protocol.codec import Array
from stream_filters_client.replays.runs import StreamRun
from stream_filters_client.report.panels import Layer, Limits, Panel, span, wider
from stream_filters_client.report.timeline import Timeline, columns
from stream_filters_client.scoring.scores import normal_band

_CLOSE_UP_ROWS = 50
# pictures of one quantity with many components; the others are in the file
_COMPONENTS = 4
_UNITS = {
    "velocity": "observed unit per {}",
    "observation_noise_std": "observed unit",
    "intercept": "observed unit",
    "noise_std": "observed unit",
    "position_noise": "variance per {}",
    "velocity_noise": "variance per {}",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number that the filter reports, over time; middle, lower, upper and truth (or None): [T]."""

    name: str
    middle: Array
    lower: Array
    upper: Array
    truth: Array | None


def stream_panels(stream: StreamRun, time: Timeline) -> Iterator[Panel]:
    """Observations with the estimate, a close-up, how far the estimate was off, and every quantity with a band."""
    observations = columns(stream.observations)
    reading = read_arrays(stream.outputs)
    followed = list(_components(reading.followed, stream)) if reading.followed else _predicted(stream)
    for axis, estimate in enumerate(followed[: observations.shape[1]]):
        yield from _observed(observations[:, axis], estimate, time, stream.level)
        if estimate.truth is not None:
            yield _off(estimate, time, stream.level)
    for one in reading.of(Meaning.ESTIMATE, Meaning.BAND):
        if one != reading.followed:
            for estimate in _components(one, stream):
                yield _quantity(estimate, time, stream.level)


def _observed(observed: Array, estimate: Estimate, time: Timeline, level: float) -> Iterator[Panel]:
    """All rows, and the last ones alone, where bands can be seen."""
    whole = _with_observations(observed, estimate, time, level)
    focus = span(observed, estimate.middle[time.settled :])
    title = f"Observations and {estimate.name}"
    told = f"{title} with its {_band(level)}"
    yield Panel(f"stream {estimate.name}", title, told, time.label, "observed unit", whole, focus and wider(focus))
    if len(observed) > _CLOSE_UP_ROWS:
        rows = slice(-_CLOSE_UP_ROWS, None)
        part = Estimate(
            estimate.name,
            estimate.middle[rows],
            estimate.lower[rows],
            estimate.upper[rows],
            None if estimate.truth is None else estimate.truth[rows],
        )
        near = _with_observations(observed[rows], part, time.tail(_CLOSE_UP_ROWS), level)
        focus = span(observed[rows], part.lower, part.upper)
        title = f"The last {_CLOSE_UP_ROWS} of them"
        told = f"The last {_CLOSE_UP_ROWS} rows of: {told}"
        scale = focus and wider(focus)
        yield Panel(f"near {estimate.name}", title, told, time.label, "observed unit", near, scale, sliding=True)


def _with_observations(observed: Array, estimate: Estimate, time: Timeline, level: float) -> list[Layer]:
    dots = time.dots(observed, OBSERVED, "observed")
    band = time.band(estimate.lower, estimate.upper, ESTIMATE, _band(level))
    middle = time.line(estimate.middle, ESTIMATE, estimate.name.split(",")[0])
    if estimate.truth is None:
        return [band, middle, dots]
    # a filtered estimate lies on the observations
    return [band, dots, middle, time.line(estimate.truth, TRUTH, "true", dashed=True)]


def _off(estimate: Estimate, time: Timeline, level: float) -> Panel:
    assert estimate.truth is not None  # noqa: S101 - told by the caller
    error, lower, upper = (each - estimate.middle for each in (estimate.truth, estimate.lower, estimate.upper))
    layers: list[Layer] = [
        time.band(lower, upper, ESTIMATE, _band(level)),
        time.dots(error, TRUTH, "true less filtered"),
    ]
    title = f"True less filtered {estimate.name}"
    focus = _settled(time, error, lower, upper)
    told = f"{title}, and the {_band(level)} that should hold it"
    return Panel(f"off {estimate.name}", title, told, time.label, "observed unit", layers, focus)


def _quantity(estimate: Estimate, time: Timeline, level: float) -> Panel:
    truth = [] if estimate.truth is None else [time.line(estimate.truth, TRUTH, "true", dashed=True)]
    layers: list[Layer] = [
        time.band(estimate.lower, estimate.upper, ESTIMATE, _band(level)),
        time.line(estimate.middle, ESTIMATE, "estimate"),
        *truth,
    ]
    known = () if estimate.truth is None else (estimate.truth,)
    focus = _settled(time, estimate.lower, estimate.upper, *known)
    title = estimate.name[:1].upper() + estimate.name[1:]
    told = f"{title}: estimate with its {_band(level)}" + (", and the true value" if known else "")
    unit = _UNITS.get(estimate.name.split(",")[0].replace(" ", "_"), "").format(time.unit)
    return Panel(f"quantity {estimate.name}", title, told, time.label, unit, layers, focus)


def _band(level: float) -> str:
    return f"{100 * level:g} % band"


def _settled(time: Timeline, *values: Array) -> Limits | None:
    """What the axis holds: everything from the settled rows on."""
    found = span(*(each[time.settled :] for each in values))
    return found and wider(found)


def _predicted(stream: StreamRun) -> list[Estimate]:
    """The one-step forecast of each axis, where the filter has no position."""
    if not {"predictive_mean", "predictive_interval"} <= set(stream.outputs):
        return []
    mean = columns(stream.outputs["predictive_mean"])
    interval = stream.outputs["predictive_interval"].reshape(*mean.shape, 2)
    names = [_named("one-step forecast", "axis", axis, mean.shape[1]) for axis in range(mean.shape[1])]
    return [
        Estimate(name, mean[:, axis], interval[:, axis, 0], interval[:, axis, 1], None)
        for axis, name in enumerate(names)
    ]


def _components(one: Quantity, stream: StreamRun) -> Iterator[Estimate]:
    """Each number of a quantity with its band, and the truth where it is known."""
    values, truth = stream.outputs[one.outputs[0]], stream.truth.get(one.name)
    if one.meaning is Meaning.BAND:
        middle, lower, upper = (columns(values[..., end]) for end in range(3))
    else:
        middle = columns(values)
        lower, upper = normal_band(middle, columns(stream.outputs[one.outputs[1]]), stream.level)
    count = middle.shape[1]
    known = columns(truth) if truth is not None and truth.size == middle.size else None
    word = "axis" if count == columns(stream.observations).shape[1] else "lag"
    for index in range(min(count, _COMPONENTS)):
        true = None if known is None else known[:, index]
        yield Estimate(_named(one.words, word, index, count), middle[:, index], lower[:, index], upper[:, index], true)


def _named(name: str, word: str, index: int, count: int) -> str:
    return f"{name}, {word} {index + 1}" if count > 1 else name
