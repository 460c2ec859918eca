"""Which cells of a row are the observation, its time and its accuracy: by name, or by number from 1."""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Layout


@dataclass(frozen=True, slots=True)
class Chosen:
    """Indices of the cells of a row, and what to call each of them."""

    values: tuple[int, ...]
    labels: tuple[str | int, ...]
    time: int | None = None
    scale: int | None = None

    def cells(self, row: Sequence[object]) -> tuple[object, ...]:
        """Values first, then time and scale, where there are such columns."""
        beside = (index for index in (self.time, self.scale) if index is not None)
        return (*(row[index] for index in self.values), *(row[index] for index in beside))


def of_numbers(width: int, layout: Layout, name: str) -> Chosen:
    """Columns of rows without names, by number; without any asked for all of them are values."""
    if layout.columns or layout.time_column or layout.scale_column:
        return of_names([""] * width, layout, name)
    return Chosen(tuple(range(width)), tuple(range(1, width + 1)))


def of_names(names: Sequence[str], layout: Layout, name: str) -> Chosen:
    """Columns by what the header calls them. Raises BadInput for one that is not there, or twice."""
    time, scale = (
        None if column is None else _index(names, column, name) for column in (layout.time_column, layout.scale_column)
    )
    if layout.columns:
        values = tuple(_index(names, column, name) for column in layout.columns)
        twice = {column for column, index in zip(layout.columns, values, strict=True) if values.count(index) > 1}
        if twice:
            raise BadInput(f"--column {min(twice)!r} is given twice; name each column once")
        return Chosen(values, layout.columns, time, scale)
    others = [index for index, label in enumerate(names) if index not in {time, scale} and (label or not any(names))]
    if len(others) != 1:
        raise BadInput(f"{name} has the columns {_listed(names, others)}; choose with --column, by name or number")
    return Chosen((others[0],), (names[others[0]] or others[0] + 1,), time, scale)


def is_number(column: str, width: int) -> bool:
    """Whether a column can be meant by its number."""
    return column.isascii() and column.isdigit() and 1 <= int(column) <= width


def _index(names: Sequence[str], column: str, name: str) -> int:
    found = [index for index, label in enumerate(names) if label == column.strip()]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = " and ".join(str(index + 1) for index in found)
        raise BadInput(f"{name} has {len(found)} columns {column!r}; choose one by its number, {numbers}")
    if is_number(column, len(names)):
        return int(column) - 1
    if not any(names):
        raise BadInput(f"{name} has no names of columns; choose {column!r} by its number, from 1 to {len(names)}")
    raise BadInput(f"{name} has no column {column!r}; it has {_listed(names, range(len(names)))}")


def _listed(names: Sequence[str], indices: Sequence[int] | range) -> str:
    return ", ".join(names[index] or f"{index + 1} (without a name)" for index in indices) or "nothing"
