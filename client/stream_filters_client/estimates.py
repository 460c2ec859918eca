"""What a model's outputs say, told from their names and shapes: the one place that knows, for every model.

A quantity with uncertainty is a pair `NAME_mean`, `NAME_std`, or a band: median, lower and upper end. An integer a row
is a label, and what begins with its name has a value for each label. Everything else of one number a row is that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any

from numpy.typing import NDArray

# the prediction of the next observation and how good it was, which every model has
PREDICTION = ("predictive_mean", "predictive_std", "predictive_interval", "log_evidence", "pit")
FORECAST = ("forecast_mean", "forecast_std", "forecast_interval")
# of the prediction, of the average over variants, or of other quantities: nothing that was learnt
_OTHER = {*PREDICTION, *FORECAST, "outlier_probability", "innovation", "nis", "model_weights", "state_cov"}
_ENDS = 3

Shape = tuple[int, ...]


class Meaning(StrEnum):
    """What a quantity is."""

    ESTIMATE = "estimate"
    BAND = "band"
    LABEL = "label"
    BY_LABEL = "by label"
    PROBABILITY = "probability"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Described:
    """An output without its rows: the shape of one row, and whether it is of integers."""

    shape: Shape
    is_integer: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that a model says of each row. outputs: their names, the mean before the standard deviation."""

    name: str
    meaning: Meaning
    outputs: tuple[str, ...]
    shape: Shape

    @property
    def words(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the outputs of a model say.

    followed: what observations are readings of, the first estimate with a value for each of their axes. label: what
    each row is put into. None where there is no such thing.
    """

    quantities: tuple[Quantity, ...] = ()
    followed: Quantity | None = None
    label: Quantity | None = None

    def of(self, *meanings: Meaning) -> tuple[Quantity, ...]:
        """The quantities of these meanings."""
        return tuple(one for one in self.quantities if one.meaning in meanings)


def read(outputs: Mapping[str, Described]) -> Reading:
    """What the outputs say, in their order."""
    # values of one observation
    axes = prod(outputs["predictive_mean"].shape) if "predictive_mean" in outputs else 1
    found = tuple(_quantities(outputs, axes))
    estimates = (one for one in found if one.meaning is Meaning.ESTIMATE and prod(one.shape) == axes)
    labels = (one for one in found if one.meaning is Meaning.LABEL)
    return Reading(found, next(estimates, None), next(labels, None))


def read_arrays(outputs: Mapping[str, NDArray[Any]]) -> Reading:
    """What arrays, [T, ...] each, say."""
    rows = {name: values for name, values in outputs.items() if values.ndim and values.dtype.kind in "fiub"}
    return read({name: Described(values.shape[1:], values.dtype.kind in "iu") for name, values in rows.items()})


def _quantities(outputs: Mapping[str, Described], axes: int) -> Iterator[Quantity]:
    # a file of numbers has lost which of them were integers
    labels = [
        name
        for name, output in outputs.items()
        if output.shape == () and (output.is_integer or f"{name}_probabilities" in outputs)
    ]
    of_labels = {name for name in outputs if name.startswith(tuple(f"{label}_" for label in labels))}
    # from each label to each
    square = {2 * outputs[name].shape for name in of_labels if len(outputs[name].shape) == 1}
    for name, output in outputs.items():
        meaning: Meaning | None = None
        base = name.removesuffix("_mean")
        pair: tuple[str, ...] = (name,)
        if name in _OTHER or (name.endswith("_std") and f"{name.removesuffix('_std')}_mean" in outputs):
            continue
        if base != name and f"{base}_std" in outputs:
            meaning, pair = Meaning.ESTIMATE, (name, f"{base}_std")
        elif name in labels:
            meaning = Meaning.LABEL
        elif name in of_labels:
            meaning = Meaning.BY_LABEL if len(output.shape) == 1 else None
        elif _is_band(output.shape, axes) and output.shape not in square:
            meaning = Meaning.BAND
        elif output.shape == ():
            meaning = Meaning.PROBABILITY if name.endswith("_probability") else Meaning.NUMBER
        if meaning is not None:
            yield Quantity(base if meaning is Meaning.ESTIMATE else name, meaning, pair, output.shape)


def _is_band(shape: Shape, axes: int) -> bool:
    """Whether the last three numbers are a median and two ends; of three axes, they may be one number each."""
    return len(shape) in {1, 2} and shape[-1] == _ENDS and (len(shape) == 2 or axes != _ENDS)
