"""How a record's fields declare their memory: read from the annotations of a named tuple."""

import ast
from collections.abc import Mapping, Sequence, Set
from functools import reduce
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from stream_filters.filters.base import Floats

Integers = NDArray[np.int64]
# unsigned, so that no loop has to allow for an index that counts from the end: such loops are not vectorised
Indices = NDArray[np.uint64]

# the size of a report's first axis, which each call gives
ROWS = "rows"
_ARRAYS: dict[Any, type[np.generic]] = {Floats: np.float64, Integers: np.int64, Indices: np.uint64}
# how a number is read from its word
_NUMBERS: dict[Any, str] = {float: "{}[0]", int: "int({}[0])", bool: "({}[0] != 0.0)"}
_FUNCTIONS = frozenset({"min", "max"})


class Same(NamedTuple):
    """Marks a field as another view of the memory of the field `of`, whose path is from the outermost record on."""

    of: str


class Declared(NamedTuple):
    """One array or number of a record; path: its name, behind those of the records that it is in, with dots."""

    path: str
    kind: Any
    shape: tuple[str, ...]
    same: str | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """What its words are."""
        return np.dtype(_ARRAYS.get(self.kind, np.float64))

    def words_after(self, axis: int) -> str:
        """The expression of its words, or of those of one entry of its first axes."""
        return " * ".join(f"({size})" for size in self.shape[axis:]) or "1"

    def seen(self, words: str, shape: Sequence[str]) -> str:
        """The expression of its view of a piece of memory."""
        if self.kind in _NUMBERS:
            return _NUMBERS[self.kind].format(words)
        view = words if self.dtype == np.float64 else f"{words}.view(np.{self.dtype.name})"
        return view if len(shape) < 2 else f"{view}.reshape(({', '.join(shape)}))"

    def value_in(self, record: Any) -> Any:
        """Its value in a record."""
        return reduce(getattr, self.path.split("."), record)


def fields_of(record: Any, apart: Mapping[str, str]) -> list[Declared]:
    """The fields of a record and of the records in it. apart: other shapes of some, see `Layout`."""
    found = list(_read(record, "", {}))
    return [field._replace(shape=_split(apart[field.path])) if field.path in apart else field for field in found]


def _read(record: Any, prefix: str, meaning: Mapping[str, str]) -> Sequence[Declared]:
    fields: list[Declared] = []
    for name, hint in get_type_hints(record, include_extras=True).items():
        path = f"{prefix}{name}"
        kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if hasattr(kind, "_fields"):
            renamed = {size: _replaced(of, meaning) for size, of in (marks[0] if marks else {}).items()}
            fields += _read(kind, f"{path}.", {**meaning, **renamed})
        elif kind in _NUMBERS:
            fields.append(Declared(path, kind, (), None))
        elif kind in _ARRAYS and marks and isinstance(marks[0], str):
            shape = tuple(_replaced(size, meaning) for size in _split(marks[0]))
            same = next((mark.of for mark in marks[1:] if isinstance(mark, Same)), None)
            fields.append(Declared(path, kind, shape, same))
        else:
            raise ValueError(f"{record.__name__}.{name} does not say its shape: Annotated[Floats, 'rows, axes']")
    return fields


def _split(shape: str) -> tuple[str, ...]:
    return tuple(size.strip() for size in shape.split(",") if size.strip())


def _replaced(size: str, meaning: Mapping[str, str]) -> str:
    """An expression with names replaced by what they mean in the outermost record."""

    class Replace(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:  # named by ast
            return ast.parse(meaning[node.id], mode="eval").body if node.id in meaning else node

    return ast.unparse(Replace().visit(ast.parse(size, mode="eval"))) if meaning else size


def check_shapes(record: str, fields: Sequence[Declared], known: Set[str]) -> None:
    """Raise ValueError for a shape in a name that is not known, or a `Same` of a field that is none."""
    stored = {field.path for field in fields if field.same is None}
    for field in fields:
        for size in field.shape:
            names = {node.id for node in ast.walk(ast.parse(size, mode="eval")) if isinstance(node, ast.Name)}
            unknown = names - known - _FUNCTIONS
            if unknown:
                raise ValueError(
                    f"{record}.{field.path} has the size {size}, and {', '.join(sorted(unknown))} is none of "
                    f"{', '.join(sorted(known))}"
                )
        if field.same is not None and field.same not in stored:
            raise ValueError(f"{record}.{field.path} is the same as {field.same}, which is none of its fields")


def constructor(record: Any, values: Mapping[str, str], prefix: str = "") -> tuple[str, dict[str, Any]]:
    """The expression that makes a record of its fields' expressions, and the classes that it names."""
    classes, arguments = {record.__name__: record}, []
    for name, hint in get_type_hints(record, include_extras=True).items():
        kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        expression = values.get(f"{prefix}{name}")
        if expression is None:
            expression, inner = constructor(kind, values, f"{prefix}{name}.")
            classes |= inner
        arguments.append(expression)
    return f"{record.__name__}({', '.join(arguments)})", classes
