"""Rows of JSON: a line each, or all in one document."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stream_filters_client.errors import BadInput
from stream_filters_client.input import columns
from stream_filters_client.input.layout import Layout, Record, shown


def read_lines(lines: Iterable[str], layout: Layout, name: str) -> Iterator[Record]:
    """A number, a list of D numbers, or an object with the columns named, on each line."""
    picker = _Picker(layout, name)
    for number, text in enumerate(lines, start=1):
        if number <= layout.skip_rows or not text.strip():
            continue
        place = f"{name}, line {number}"
        try:
            value = _parsed(text)
        except ValueError as error:
            yield Record(place, fault=f"not JSON ({error}); mend it")
        else:
            yield picker.record(value, place)


def read_document(text: str, layout: Layout, name: str) -> Iterator[Record]:
    """An array of numbers, lists or objects, or an object of columns, in one document; lines where it is none."""
    try:
        document = _parsed(text)
    except ValueError as error:
        lines = text.splitlines()
        first = next((line for line in lines if line.strip()), "")
        try:
            _parsed(first)
        except ValueError:
            raise BadInput(f"{name} is not JSON ({error}); mend it") from error
        yield from read_lines(lines, layout, name)
        return
    picker = _Picker(layout, name)
    for number, value in enumerate(_rows(document, name), start=1):
        yield picker.record(value, f"{name}, row {number}")


def _rows(document: Any, name: str) -> Sequence[Any]:
    """The rows of a document, however they are wrapped."""
    if isinstance(document, list):
        wrapped = len(document) == 1 and isinstance(document[0], list) and document[0]
        return document[0] if wrapped and isinstance(document[0][0], dict | list) else document
    if isinstance(document, dict):
        if set(document) >= {"columns", "data"}:
            return [dict(zip(document["columns"], row, strict=False)) for row in document["data"]]
        lists = {key: value for key, value in document.items() if isinstance(value, list)}
        if document and all(isinstance(value, dict) for value in document.values()):
            lists = {key: list(value.values()) for key, value in document.items()}
        if len(lists) == len(document) and len({len(value) for value in lists.values()}) == 1:
            return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        if len(lists) == 1:
            return _rows(next(iter(lists.values())), name)
    raise BadInput(f"{name} is JSON without rows in it; write an array of numbers or objects, or one on each line")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("lists inside of lists without an end") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"member {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return found


class _Picker:
    """Takes the cells out of values with a structure of their own."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout = layout
        self._name = name
        self._members: tuple[str, ...] = ()
        self._chosen: columns.Chosen | None = None
        self._width = 0

    def record(self, value: Any, place: str) -> Record:
        """The row that a value is. Raises BadInput where it is not clear which members are meant."""
        if isinstance(value, dict):
            return self._of_members(value, place)
        values = value if isinstance(value, list) else [value]
        if self._members:
            return Record(place, fault=f"{shown(value)} is no object, as the rows before are; mend it")
        if self._chosen is None:
            self._width = len(values)
            self._chosen = columns.of_numbers(self._width, self._layout, self._name)
        if len(values) != self._width:
            return Record(place, fault=f"{len(values)} values came, {self._width} expected; mend it")
        return Record(place, self._chosen.cells(values), labels=self._chosen.labels)

    def _of_members(self, value: dict[str, Any], place: str) -> Record:
        if self._chosen is not None and not self._members:
            return Record(place, fault=f"{shown(value)} is an object, which the rows before are not; mend it")
        if self._chosen is None:
            names = list(value)
            chosen = columns.of_names(names, self._layout, place)
            beside = [index for index in (chosen.time, chosen.scale) if index is not None]
            self._members = tuple(names[index] for index in (*chosen.values, *beside))
            self._chosen = chosen
        missing = [member for member in self._members if member not in value]
        if missing:
            return Record(place, fault=f"no member {missing[0]!r}; there are {', '.join(value)}")
        return Record(place, tuple(value[member] for member in self._members), labels=self._chosen.labels)
