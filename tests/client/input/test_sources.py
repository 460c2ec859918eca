"""Files and lines become observations; what cannot is named by its line."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Layout, Row
from stream_filters_client.input.sources import open_file, read_live

NAN = math.nan


def read(text: str, layout: Layout | None = None) -> list[Row]:
    layout = replace(layout or Layout(), on_bad_row="stop")
    return list(read_live(text.splitlines(keepends=True), layout, "stdin").rows)


def same(found: list[Row], expected: list[Row]) -> bool:
    return repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n2.5\n-3e2\n", [1.0, 2.5, -300.0]),
        ("x\n1\n2\n", [1.0, 2.0]),
        ("1\n\nnan\nNA\n5", [1.0, NAN, NAN, NAN, 5.0]),
        ("x\n1\n\n3\n", [1.0, NAN, 3.0]),
        ('"x"\n"1"\n', [1.0]),
        ("[1]\n[null]\n3\n", [1.0, NAN, 3.0]),
        ('{"x": 1}\n\n{"x": null}\n{"x": NaN}\n', [1.0, NAN, NAN]),
        ("", []),
    ],
)
def test_one_value_a_line_is_read(text: str, expected: list[float]) -> None:
    assert same(read(text), [Row((value,)) for value in expected])


def test_columns_are_chosen_by_name_and_keep_their_order() -> None:
    text = "a,b,c\n1,2,3\n4,,6\n"
    assert same(read(text, Layout(("c", "b"))), [Row((3.0, 2.0)), Row((6.0, NAN))])
    assert same(read('{"a": 1, "b": 2}\n', Layout(("b", "a"))), [Row((2.0, 1.0))])


def test_bare_rows_of_several_numbers_are_several_axes() -> None:
    assert same(read("1,2\n3,\n"), [Row((1.0, 2.0)), Row((3.0, NAN))])


@pytest.mark.parametrize(
    ("stamps", "unit", "deltas"),
    [
        (["1", "2", "4.5"], None, [1.0, 1.0, 2.5]),
        (["2024-02-28", "2024-03-01", "2024-03-02"], None, [2.0, 2.0, 1.0]),
        (["2024-02-28", "2024-03-06"], "weeks", [1.0, 1.0]),
        (["2024-01-01T00:00:00", "2024-01-01T00:01:30"], None, [90.0, 90.0]),
        (["2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00Z"], "minutes", [60.0, 60.0]),
    ],
)
def test_times_become_the_time_since_the_row_before(stamps: list[str], unit: str | None, deltas: list[float]) -> None:
    layout = Layout(("x",), "when", unit)
    text = "when,x\n" + "".join(f"{stamp},7\n" for stamp in stamps)
    assert [row.time_delta for row in read(text, layout)] == pytest.approx(deltas)
    lines = "".join(f'{{"when": "{stamp}", "x": 7}}\n' for stamp in stamps)
    assert [row.time_delta for row in read(lines, layout)] == pytest.approx(deltas)


@pytest.mark.parametrize(
    ("text", "layout", "sentence"),
    [
        ("1\n2\nthree\n", Layout(), "line 3, column 1: 'three' is not a number"),
        ("x\n1\ninf\n", Layout(), "line 3, column 'x': 'inf' is infinite"),
        ("1\n1,2\n", Layout(), "line 2: 2 cells came, 1 expected"),
        ("a,b\n1,2\n3\n", Layout(("a",)), "line 3: 1 cells came, 2 expected"),
        ("a,b\n1,2\n", Layout(), "columns a, b; choose with --column"),
        ("a,b\n1,2\n", Layout(("z",)), "no column 'z'; it has a, b"),
        ("a,b\n1,2\n", Layout(("b",), "z"), "no column 'z'"),
        ("t,x\n2,1\n2,1\n", Layout(("x",), "t"), "line 3, column 't': time '2' is that of the row before"),
        ("t,x\nsoon,1\n", Layout(("x",), "t"), "line 2, column 't': time 'soon' is neither"),
        ("t,x\n,1\n", Layout(("x",), "t"), "line 2, column 't': the row has no time"),
        ('{"x": 1}\n{"x": \n', Layout(), "line 2: not JSON"),
        ('{"x": 1}\n{"y": 1, "z": 2}\n', Layout(("x",)), "line 2: no member 'x'; there are y, z"),
        ('{"x": 1, "x": 2}\n', Layout(), "line 1: not JSON .member 'x' comes twice"),
        ('{"x": true}\n', Layout(), "line 1, column 'x': True is not a number"),
        ('{"x": 1}\n{"x": [1]}\n', Layout(), r"line 2, column 'x': \[1\] is not a number"),
        ('{"x": 1}\n[1]\n', Layout(), r"line 2: \[1\] is no object"),
        ("a,b\n1,2\n1,b\n", Layout(("a", "b")), "line 3, column 'b': 'b' is not a number"),
        ('1\n"2\n3"\n4\n5,\n', Layout(), "line 3, column 1: '2\\\\n3' is not a number"),
        ("x\n" + "1" * 200_000 + "\n", Layout(), "line 2: not CSV"),
        ("[1, 2]\n[1, true]\n", Layout(), "line 2, column 2: True is not a number"),
        ("[1, 2]\n[1]\n", Layout(), "line 2: 1 values came, 2 expected"),
        ('{"x": 1, "t": null}\n{"x": 1, "t": 2}\n', Layout(("x",), "t"), "line 1, column 't': the row has no time"),
        ("a;b\n1;2\n", Layout(("a",), delimiter=";;"), "--delimiter ';;' is not one character"),
        ("a;b\n1;2\n", Layout(("a",), delimiter=",", decimal=","), "--delimiter and --decimal are both ','"),
        ("a,s\n1,1\n2,0\n", Layout(("a",), scale_column="s"), "line 3, column 's': '0' is not above 0"),
        ("a,a\n1,1\n", Layout(("a", "1")), "2 columns 'a'; choose one by its number, 1 and 2"),
        ("a,b\n1,1\n", Layout(("a", "1")), "is given twice"),
        ("1,2\n3,4\n", Layout(("temp",)), "has no names of columns; choose 'temp' by its number, from 1 to 2"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, layout: Layout, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        read(text, layout)


def test_files_are_read_by_what_is_in_them(tmp_path: Path) -> None:
    table, lines = tmp_path / "x.csv", tmp_path / "x.jsonl"
    table.write_text("\ufeffx\n1\n2\n", encoding="utf-8")
    lines.write_text("1\n2\n", encoding="utf-8")
    for path, layout in ((table, Layout(("x",))), (lines, Layout())):
        assert open_file(path, layout).rows == [Row((1.0,)), Row((2.0,))]
    with pytest.raises(BadInput, match="cannot be read"):
        open_file(tmp_path / "none.csv", Layout())


def test_a_slow_pipe_is_read_line_by_line() -> None:
    def lines() -> Iterator[str]:
        yield "1\n"
        yield "2\n"
        raise AssertionError("read ahead")

    rows = iter(read_live(lines(), Layout(), "stdin").rows)
    assert [next(rows), next(rows)] == [Row((1.0,)), Row((2.0,))]


def test_a_pipe_does_not_end_at_a_line_that_cannot_be_read() -> None:
    text = "t,x\n1,1\n2,2\nboom\n3,ERR\n4,4\n4,5\n,6\n5,5\n"
    source = read_live(text.splitlines(keepends=True), Layout(("x",), "t"), "stdin")
    assert [(row.values[0], row.time_delta) for row in source.rows] == [(1, 1), (2, 1), (4, 2), (5, 1)]
    assert [note.split(",")[1].split(":")[0] for note in source.notes] == [" line 4", " line 5", " line 7", " line 8"]
    missing = read_live(text.splitlines(keepends=True), Layout(("x",), "t", on_bad_row="missing"), "stdin")
    # what has no time has no place
    assert repr([row.values[0] for row in missing.rows]) == "[1.0, 2.0, nan, 4.0, 5.0]"


def test_bad_rows_are_counted_from_some_on() -> None:
    source = read_live(["x\n", *["?\n"] * 500, "1\n"], Layout(("x",)), "stdin")
    assert len(list(source.rows)) == 1
    assert len(source.notes) == 6
    assert source.notes[-1] == "495 more rows could not be read"


@pytest.mark.parametrize(("name", "rows", "missing"), [("nile", 100, 0), ("co2", 2284, 59)])
def test_the_data_of_the_repository_are_those_of_statsmodels(name: str, rows: int, missing: int) -> None:
    import statsmodels.datasets  # noqa: PLC0415

    frame = getattr(statsmodels.datasets, name).load_pandas().data
    column, time_column = {"nile": ("volume", "year"), "co2": ("co2", "date")}[name]
    path = Path(__file__).parents[3] / "data" / f"{name}.csv"
    found = list(open_file(path, Layout((column,), time_column, None if name == "nile" else "weeks")).rows)
    assert len(found) == rows
    assert sum(math.isnan(row.values[0]) for row in found) == missing
    assert [row.values[0] for row in found] == pytest.approx(frame[column].tolist(), nan_ok=True)
    assert {row.time_delta for row in found} == {1.0}
