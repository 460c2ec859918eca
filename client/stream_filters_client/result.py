"""What comes back for a request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_filters_client.column_names import column_names
from stream_filters_client.estimates import Described

_SHOWN_ROWS = 5


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

        An output with more values a row has a column for each, called as `column_names` says: `noise_std_lower`,
        `coefficients_2_median`. The row's `offset` comes first where it is known; forecasts and `state` are left out.
        """
        columns: dict[str, NDArray[Any]] = {}
        if self.offset is not None and self.next_offset is not None:
            columns["offset"] = np.arange(self.offset, self.next_offset)
        rows = {
            name: array
            for name, array in self.outputs.items()
            if array.dtype != object and not name.startswith("forecast_")
        }
        kinds = {name: Described(array.shape[1:], array.dtype.kind in "iu") for name, array in rows.items()}
        for name, labels in column_names(kinds).items():
            columns |= zip(labels, rows[name].reshape(len(rows[name]), -1).T, strict=True)
        return columns

    def to_pandas(self) -> Any:
        """`columns` as a data frame, by `offset` where it is known. Raises ImportError without pandas."""
        import pandas as pd  # noqa: PLC0415 - for those alone who have it

        frame = pd.DataFrame(self.columns())
        return frame.set_index("offset") if "offset" in frame else frame

    def _repr_html_(self) -> str:
        """The last rows as a table, for notebooks."""
        columns = self.columns()
        count = max(map(len, columns.values()), default=0)
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        rows = [
            "".join(f"<td>{escape(_short(values[row]))}</td>" for values in columns.values())
            for row in range(max(0, count - _SHOWN_ROWS), count)
        ]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"{self.model}: the last {len(rows)} of {count} rows; arrays: {', '.join(self.outputs)}"
        return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}{list(array.shape)}" for name, array in self.outputs.items())
        place = f" rows {self.offset}..{self.next_offset}" if self.offset is not None else ""
        return f"<Result of {self.model}{place}: {shapes}>"


def _short(value: Any) -> str:
    return str(value) if isinstance(value, int | np.integer) else f"{value:.4g}"


def _absent(name: str, outputs: Mapping[str, NDArray[Any]]) -> str:
    return f"no output {name!r} came; there are {', '.join(outputs)}; others are asked for with outputs=[...]"
