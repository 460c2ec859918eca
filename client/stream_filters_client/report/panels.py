"""A picture before it is drawn: what is in it, and on which scales."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stream_filters_client.protocol.codec import Array

Limits = tuple[float, float]
# left free above and below, and at the sides
_MARGIN = 0.04
_SIDE_MARGIN = 0.008


@dataclass(frozen=True, slots=True)
class Line:
    """A line through x and y, [N] each; it breaks where y is NaN."""

    x: Array
    y: Array
    hue: str
    label: str = ""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """A dot at each x and y, [N] each."""

    x: Array
    y: Array
    hue: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """The area between lower and upper, [N] each."""

    x: Array
    lower: Array
    upper: Array
    hue: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Heights [N] between edges [N + 1]."""

    edges: Array
    heights: Array
    hue: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """Shares [K, N] that add up to one at each x [N], one above the other."""

    x: Array
    shares: Array
    hues: Sequence[str]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Marks:
    """Vertical marks at x [N]; from bottom to top in shares of the height."""

    x: Array
    hue: str
    label: str = ""
    bottom: float = 0.0
    top: float = 1.0


@dataclass(frozen=True, slots=True)
class Strip:
    """Coloured stretches from each of `begins` [N] to `ends` [N]; from bottom to top in shares of the height."""

    begins: Array
    ends: Array
    hues: Sequence[str]
    bottom: float
    top: float

    @property
    def x(self) -> Array:
        """Where it begins and ends."""
        return np.concatenate([self.begins, self.ends])


Layer = Line | Dots | Band | Bars | Stack | Marks | Strip


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    key: the same for the same picture of another run. told: what is to be seen, in words. focus: what the y axis has
    to hold; None for all of the layers. sliding: beside another run it keeps its place on the y axis, and shares only
    how much the axis spans. dates: x counts days since 1970.
    """

    key: str
    title: str
    told: str
    x_label: str
    y_label: str
    layers: Sequence[Layer]
    focus: Limits | None = None
    x_limits: Limits | None = None
    log_x: bool = False
    sliding: bool = False
    dates: bool = False

    def on(self, x_limits: Limits, focus: Limits) -> "Panel":
        """The same on other scales."""
        return replace(self, x_limits=x_limits, focus=focus)


def span(*values: Array) -> Limits | None:
    """The least and the greatest of all values that are finite; None if none is."""
    known = [each[np.isfinite(each)] for each in values]
    known = [each for each in known if each.size]
    if not known:
        return None
    return min(float(each.min()) for each in known), max(float(each.max()) for each in known)


def wider(limits: Limits, share: float = _MARGIN) -> Limits:
    """With a margin of a share of them, so that nothing lies on the frame."""
    low, high = limits
    margin = share * (high - low) or share * max(abs(high), 1.0)
    return low - margin, high + margin


def together(panels: Sequence[Panel]) -> list[Panel]:
    """Panels of one key on the same scales."""
    x_limits, each = _union([_x_limits(panel) for panel in panels]), [_y_limits(panel) for panel in panels]
    height = max(high - low for low, high in each)
    return [
        panel.on(x_limits, _centred(limits, height) if panel.sliding else _union(each))
        for panel, limits in zip(panels, each, strict=True)
    ]


def _centred(limits: Limits, height: float) -> Limits:
    low, high = limits
    return (low + high - height) / 2, (low + high + height) / 2


def _union(limits: Sequence[Limits]) -> Limits:
    return min(low for low, _ in limits), max(high for _, high in limits)


def _x_limits(panel: Panel) -> Limits:
    if panel.x_limits is not None:
        return panel.x_limits
    found = span(*(layer.edges if isinstance(layer, Bars) else layer.x for layer in panel.layers)) or (0.0, 1.0)
    return found if panel.log_x else wider(found, _SIDE_MARGIN)


def _y_limits(panel: Panel) -> Limits:
    if panel.focus is not None:
        return panel.focus
    values: list[Array] = []
    for layer in panel.layers:
        match layer:
            case Line() | Dots():
                values.append(layer.y)
            case Band():
                values += [layer.lower, layer.upper]
            case Bars():
                values += [layer.heights, np.zeros(1)]
            case Stack():
                values.append(np.array([0.0, 1.0]))
            case Marks() | Strip():
                pass
    return span(*values) or (0.0, 1.0)
