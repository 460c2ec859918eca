"""What comes back for a request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# outputs whose three numbers a row are of three axes or variants, and no band
_NO_BANDS = ("_mean", "position_std", "velocity_std", "predictive_std", "_weights", "observation", "innovation")


@dataclass(frozen=True, slots=True, eq=False)
class Result(Mapping[str, NDArray[Any]]):
    """Named arrays, one row for each observation sent: `result.position_mean` or `result["position_mean"]`.

    Arrays are read-only; bands are [..., 3] (median, lower, upper); what is undefined is NaN.
    offset: index in the stream of the first row; None for a request without a stream.
    next_offset: index of the next observation of the stream.
    replayed: the server had applied this request before, and gave its first answer again.
    """

    outputs: Mapping[str, NDArray[Any]]
    model: str = ""
    model_version: str = ""
    sequence_id: str | None = None
    offset: int | None = None
    next_offset: int | None = None
    replayed: bool = False

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            return self.outputs[name]
        except KeyError:
            raise KeyError(_absent(name, self.outputs)) from None

    def __getattr__(self, name: str) -> NDArray[Any]:
        # fields never come here once they are set, but copying and pickling ask for dunder names before there are any
        if name == "outputs" or name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.outputs[name]
        except KeyError:
            raise AttributeError(_absent(name, self.outputs)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.outputs]

    def columns(self) -> dict[str, NDArray[Any]]:
        """One value for each row and name, as data frames and CSV want it: `pandas.DataFrame(result.columns())`.

        An output with more values a row has a column for each, called as `flat_names` says: `noise_std_lower`,
        `coefficients_2_median`. The row's `offset` comes first where it is known; forecasts and `state` are left out.
        """
        columns: dict[str, NDArray[Any]] = {}
        if self.offset is not None and self.next_offset is not None:
            columns["offset"] = np.arange(self.offset, self.next_offset)
        for name, array in self.outputs.items():
            if array.dtype == object or name.startswith("forecast_"):
                continue
            labels = flat_names(name, array.shape[1:])
            columns |= zip(labels, array.reshape(len(array), -1).T, strict=True)
        return columns

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}{list(array.shape)}" for name, array in self.outputs.items())
        place = f" rows {self.offset}..{self.next_offset}" if self.offset is not None else ""
        return f"<Result of {self.model}{place}: {shapes}>"


def flat_names(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """What to call each number of an output's row of this shape: axes and lags count from 1, regimes from 0.

    The ends of intervals are `_lower` and `_upper`, those of bands come behind the `_median`.
    """
    by_regime = name.startswith("regime")
    ends: tuple[str, ...] = ()
    if shape[-1:] == (2,) and name.endswith("_interval"):
        ends = ("lower", "upper")
    elif shape[-1:] == (3,) and not by_regime and (len(shape) > 1 or not name.endswith(_NO_BANDS)):
        ends = ("median", "lower", "upper")
    counted = shape[:-1] if ends else shape
    found = []
    for index in np.ndindex(counted):
        numbers = [str(at + (not by_regime)) for at, size in zip(index, counted, strict=True) if size > 1 or by_regime]
        found += ["_".join([name, *numbers, *end]) for end in ([[one] for one in ends] or [[]])]
    return tuple(found)


def _absent(name: str, outputs: Mapping[str, NDArray[Any]]) -> str:
    return f"no output {name!r} came; there are {', '.join(outputs)}; others are asked for with outputs=[...]"
