"""Memory declared once: from a record's names and shapes follow its size, its dtype and the views that kernels work on.

A kernel gets its records as a few flat arrays of eight-byte words; handing sixty arrays to a compiled function takes
longer than filtering a row. A record is a named tuple, and its fields say what they are:

    class Sizes(NamedTuple):
        axes: int
        nodes: int

    class Belief(NamedTuple):
        position: Annotated[Floats, "axes, nodes"]
        age: Annotated[Integers, "axes"]
        count: Annotated[Integers, ""]              # one word, seen as an array of one
        noise: float                                # a number that a kernel reads and cannot change
        mixture: Annotated[Mixture, {"components": "2 * nodes"}]        # a record in the record

    LAYOUT = Layout(Belief, Sizes)
    view_belief = LAYOUT.viewer()

Shapes are whole-number expressions in the names of the sizes, and in further names that a layout gives. The views are
made as source text, compiled where they are called: they cost what slices by hand would.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np

from stream_filters.filters.base import Array, Floats
from stream_filters.filters.numerics.compiled import inlined_source
from stream_filters.filters.numerics.declarations import ROWS, Declared, check_shapes, constructor, fields_of

RecordT = TypeVar("RecordT")


class Layout(Generic[RecordT]):
    """The memory of one record: its fields one behind the other.

    sizes: the named tuple of whole numbers that shapes speak of. names: further ones, each an expression of those
    before it. apart: shapes in memory of fields that a run sees in another order, in memory of its own. copies: how
    many of every field stand side by side; views are of one of them.
    Raises ValueError for a shape that speaks of what there is not.
    """

    def __init__(
        self,
        record: type[RecordT],
        sizes: Any,  # the class of a named tuple; typing has no word for it
        names: Mapping[str, str] | None = None,
        apart: Mapping[str, str] | None = None,
        copies: str | None = None,
    ) -> None:
        self.sizes = sizes
        self._record = record
        self._names = dict(names or {})
        self._apart = dict(apart or {})
        self._copies = copies
        self._fields = fields_of(record, self._apart)
        self._stored = [field for field in self._fields if field.same is None]
        self._index = {field.path: i for i, field in enumerate(self._stored)}
        check_shapes(record.__name__, self._fields, {*sizes._fields, *self._names, ROWS})
        self._evaluated = lru_cache(maxsize=64)(self._evaluate)

    def words(self, sizes: Any) -> int:
        """How many words the record takes."""
        return self._times(sizes) * sum(int(np.prod(shape)) for shape in self._shapes(sizes))

    def zeros(self, sizes: Any) -> Floats:
        """Memory for the record."""
        return np.zeros(self.words(sizes))

    def dtype(self, sizes: Any) -> np.dtype[np.void]:
        """The memory as a structured array; fields of no words are left out."""
        copies: tuple[int, ...] = (self._times(sizes),) if self._copies else ()
        shapes = zip(self._stored, self._shapes(sizes), strict=True)
        return np.dtype([(field.path, field.dtype, (*copies, *shape)) for field, shape in shapes if all(shape)])

    def row_shapes(self, sizes: Any) -> dict[str, tuple[int, ...]]:
        """The shape of one row of each field, of a record whose first axis is rows."""
        return {field.path: shape[1:] for field, shape in zip(self._stored, self._shapes(sizes), strict=True)}

    def whole(self) -> frozenset[str]:
        """The fields that hold whole numbers."""
        return frozenset(field.path for field in self._stored if field.dtype != np.float64)

    def pack(self, record: RecordT, sizes: Any) -> Floats:
        """The record's values as they stand in memory. Raises ValueError where one has not the shape declared."""
        parts = []
        for field, shape in zip(self._stored, self._shapes(sizes), strict=True):
            value = np.array(field.value_in(record), field.dtype, order="C")
            if value.shape != shape:
                name = f"{self._record.__name__}.{field.path}"
                raise ValueError(f"{name} has the shape {list(value.shape)}, declared is {list(shape)}")
            parts.append(value.reshape(-1).view(np.float64))
        return np.concatenate(parts)

    def viewer(self) -> Callable[..., RecordT]:
        """The inlined function (words, sizes) that gives the record as views.

        With copies it takes the index of one of them as well, and then the fields `apart`, which it puts in.
        """
        values = {field.path: self._view(field) for field in self._fields}
        # a field may be named as a size is
        given = {name: f"given_{name}" for name in self._apart}
        arguments = [*self._arguments(), *given.values()]
        return self._compile("view", arguments, self._places(), self._record_of(values | given))

    def field_viewer(self, name: str) -> Callable[..., Array]:
        """The inlined function (words, sizes) that gives one field as it is in memory."""
        view = self._view(self._stored[self._index[name]])
        return self._compile("view_field", self._arguments(), self._places(), (view, {}))

    def report_viewer(self) -> Callable[..., RecordT]:
        """The inlined function (buffer, starts, first, rows, sizes) of a record whose first axis is rows.

        Every field stands in the buffer from its own start on, and is seen from its row `first` on, so many rows. One
        whose start is negative was not asked for and has none.
        """
        lines, values = self._known(), {}
        for i, field in enumerate(self._stored):
            lines += [
                f"n{i} = rows if starts[{i}] >= 0 else 0",
                f"s{i} = {field.words_after(1)}",
                f"o{i} = starts[{i}] + first * s{i} if n{i} > 0 else 0",
            ]
            values[field.path] = field.seen(f"buffer[o{i} : o{i} + n{i} * s{i}]", (f"n{i}", *field.shape[1:]))
        arguments = ["buffer", "starts", "first", ROWS, "sizes"]
        return self._compile("view_report", arguments, lines, self._record_of(values))

    def _evaluate(self, sizes: Any) -> list[tuple[int, ...]]:
        """The numbers of every stored shape, and of the copies as the last."""
        lines = [*self._known(), f"{ROWS} = 1"]
        shapes = [f"({''.join(f'{size}, ' for size in field.shape)})" for field in self._stored]
        known: dict[str, Any] = {"sizes": sizes}
        exec("\n".join([*lines, f"shapes = [{', '.join(shapes)}, ({self._copies or 1},)]"]), known)  # noqa: S102  # text that kernels declare
        return known["shapes"]

    def _shapes(self, sizes: Any) -> list[tuple[int, ...]]:
        return self._evaluated(sizes)[:-1]

    def _times(self, sizes: Any) -> int:
        return self._evaluated(sizes)[-1][0]

    def _arguments(self) -> list[str]:
        return ["words", "sizes", *(["copy"] if self._copies else [])]

    def _known(self) -> list[str]:
        """Lines that give every name its value."""
        return [f"{', '.join(self.sizes._fields)}, = sizes", *(f"{name} = {of}" for name, of in self._names.items())]

    def _places(self) -> list[str]:
        """Lines that find the size and the start of each stored field."""
        lines, times = [*self._known(), "o0 = 0"], f" * ({self._copies})" if self._copies else ""
        for i, field in enumerate(self._stored):
            lines += [f"s{i} = {field.words_after(0)}", f"o{i + 1} = o{i} + s{i}{times}"]
        return lines

    def _view(self, field: Declared) -> str:
        """The expression of a field's view, or of its number."""
        i = self._index[field.same or field.path]
        start = f"o{i} + copy * s{i}" if self._copies else f"o{i}"
        return field.seen(f"words[{start} : {start} + s{i}]", field.shape)

    def _record_of(self, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """The expression that makes the record, and the classes that it names."""
        return constructor(self._record, values)

    def _compile(
        self, name: str, arguments: list[str], lines: list[str], result: tuple[str, dict[str, Any]]
    ) -> Callable[..., Any]:
        expression, classes = result
        body = "".join(f"    {line}\n" for line in [*lines, f"return {expression}"])
        source = f"def {name}({', '.join(arguments)}):\n{body}"
        return inlined_source(name, source, f"<layout of {self._record.__name__}>", {"np": np, **classes})
