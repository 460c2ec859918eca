"""Files as people have them: every shape is read as it is meant, or refused by line with the option that helps."""

import bz2
import gzip
import lzma
import math
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import Layout

from tests.client.input.written import NUMBERS, TEXTS, VALUES, read, table


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (table(NUMBERS, between=";"), Layout(("v",), "t")),
        (table(NUMBERS, between="\t"), Layout(("v",), "t")),
        (table(NUMBERS, between="|"), Layout(("v",), "t")),
        (table(NUMBERS, between="   "), Layout(("v",), "t")),
        (table(NUMBERS, between="^"), Layout(("v",), "t", delimiter="^")),
        (table(NUMBERS, between=", "), Layout(("v",), "t")),
        (table(NUMBERS, [text.replace(".", ",") for text in TEXTS[:-1]] + ["27,37"], ";"), Layout(("v",), "t")),
        (table(NUMBERS, [text.replace(".", ",") for text in TEXTS], ";"), Layout(("v",), "t", decimal=",")),
        (table(NUMBERS).replace("\n", ",\n").replace("t,v,", "t,v"), Layout(("v",), "t")),
        ("\n\n" + table(NUMBERS), Layout(("v",), "t")),
        ("# station: x\n# unit: C\n" + table(NUMBERS), Layout(("v",), "t")),
        ("#t,v\n" + table(NUMBERS).partition("\n")[2], Layout(("v",), "t")),
        ("% a\n" + table(NUMBERS).replace("\n9,", "\n% b\n9,"), Layout(("v",), "t", comment="%")),
        ("Station\nx;y;z\n" + table(NUMBERS), Layout(("v",), "t", skip_rows=2)),
        (table(NUMBERS).partition("\n")[2], Layout(("2",), "1")),
        (table(NUMBERS), Layout(("2",), "1")),
        (table(NUMBERS, header="2020,2021"), Layout(("2021",), "2020")),
        (table(NUMBERS, header="2020,2021"), Layout(("2",), "1")),
        (table(NUMBERS).replace("\n", "\r"), Layout(("v",), "t")),
        (table(NUMBERS).replace("\n", "\r\n"), Layout(("v",), "t")),
        (table([f"{n},x" for n in NUMBERS], header="t,v,v"), Layout(("3",), "t")),
    ],
)
def test_tables_in_any_style_are_read(tmp_path: Path, text: str, layout: Layout) -> None:
    source = read(tmp_path, text, layout)
    rows = list(source.rows)
    assert [row.values[0] for row in rows] == pytest.approx(VALUES, abs=0.006)
    assert {row.time_delta for row in rows} == {1.0}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_text_is_read_however_it_is_encoded_and_packed(
    tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    text = table(NUMBERS, header="t,°C")
    source = read(tmp_path, pack(text.encode(encoding)), Layout(("°C",), "t"))
    assert [row.values[0] for row in source.rows] == VALUES
    assert bool(source.notes) == (encoding == "cp1252")


def test_zstd_is_read_with_the_extra(tmp_path: Path) -> None:
    packed = pa.compress(table(NUMBERS).encode(), codec="zstd", asbytes=True)
    assert [row.values[0] for row in read(tmp_path, packed, name="x.csv.zst").rows] == VALUES


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (gzip.compress(table(NUMBERS).encode())[:-20], "packed, and damaged or cut off"),
        (b"PK\x03\x04....", "a spreadsheet or an archive; export or unpack it as CSV"),
        (b"SQLite format 3\x00", "a database"),
        (bytes(range(256)) * 4, "holds bytes that are no text"),
        (b"PAR1....", "is not a Parquet file"),
        (b"", "has no observations|nothing"),
    ],
)
def test_what_is_no_table_is_refused_by_what_it_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    if not content:
        assert list(read(tmp_path, content).rows) == []
        return
    with pytest.raises(BadInput, match=sentence):
        read(tmp_path, content)


@pytest.mark.parametrize("mark", ["-999", "-999.0", "?", "N/A", "-", "unavailable", "n.d."])
def test_a_mark_is_missing_where_it_is_named(tmp_path: Path, mark: str) -> None:
    values = [mark if index % 7 == 3 else text for index, text in enumerate(TEXTS)]
    rows = read(tmp_path, table(NUMBERS, values), Layout(("v",), "t", missing=("x", mark))).rows
    assert [index for index, row in enumerate(rows) if math.isnan(row.values[0])] == list(range(3, 60, 7))
    if mark.startswith("-9"):
        assert next(row.values[0] for row in read(tmp_path, table(NUMBERS, values)).rows if row.values[0] < 0) == -999
    elif mark != "N/A":
        with pytest.raises(BadInput, match=r"line 5, column 'v': .* is not a number; name it with --missing"):
            read(tmp_path, table(NUMBERS, values))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (table(NUMBERS[:3], ["20.1 C"] * 3), "line 2, column 'v': '20.1 C' is not a number alone; leave 'C'"),
        (table(NUMBERS[:3], ["$5"] * 3), r"line 2, column 'v': '\$5' is not a number alone"),
        (table(NUMBERS[:3], ["45%"] * 3), "line 2, column 'v': '45%' is not a number alone"),
        (table(NUMBERS[:3], ["1_000"] * 3), "line 2, column 'v': '1_000' is not a number"),
        (table(NUMBERS[:2], ["1", "1e999"]), "line 3, column 'v': '1e999' is infinite"),
        (table(NUMBERS[:3], ['"20,128"'] * 3), "may be 20128 or 20.128; say which with --decimal"),
        (table(["", *NUMBERS[:3]], ["degC", *TEXTS[:3]]), "line 2, column 'v': 'degC' is not a number; .* skip"),
        (table(NUMBERS) + "60,2,3\n", "line 62: 3 cells came, 2 expected; .*--on-bad-row"),
        (table(NUMBERS) + "61\n", "line 62: 1 cells came, 2 expected"),
        (table(NUMBERS) + table(NUMBERS), "line 62: 't' stands where the rows before have a number or a date"),
        (table(NUMBERS) + "Total,1200\n", "line 62: 'Total' stands where the rows before"),
        (table([f"{n},0" for n in NUMBERS], header="t,v,v"), "has 2 columns 'v'; choose one by its number, 2 and 3"),
        ("title\n" + table(NUMBERS), "has no column|columns|cells came"),
    ],
)
def test_lines_that_are_no_rows_are_refused_by_their_number(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        read(tmp_path, text)


def test_a_column_beside_it_does_not_hide_a_footer(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 62: 'Total'"):
        read(tmp_path, table(NUMBERS) + "Total,1200\n", Layout(("v",)))


@pytest.mark.parametrize(
    "values",
    [
        [f'"{value * 1000:,.1f}"' for value in VALUES],
        [f"{value * 1000:,.1f}".replace(",", " ") for value in VALUES],
        [f"{value * 1000:,.1f}".replace(",", "'") for value in VALUES],
        [f'"{value * 1000:,.1f}"'.translate(str.maketrans(",.", ".,")) for value in VALUES],
        [f"{value * 1000:.1f}".replace(".", ",") for value in VALUES],
        [f"{value * 1000:.3e}" for value in VALUES],
    ],
)
def test_thousands_and_decimal_marks_are_told_apart(tmp_path: Path, values: list[str]) -> None:
    rows = read(tmp_path, table(NUMBERS, values, between=";")).rows
    assert [row.values[0] for row in rows] == pytest.approx([1000 * value for value in VALUES], rel=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "[" + ",".join(TEXTS) + "]",
        "[" + ",\n".join(f'"{text}"' for text in TEXTS) + "]",
        "[" + ",".join(f"[{text}]" for text in TEXTS) + "]",
        "[" + ",\n  ".join(f'{{"v": "{text}", "other": true}}' for text in TEXTS) + "]\n",
        "\n".join(f'{{"v": "{text}"}}' for text in TEXTS),
        '{"v": [' + ",".join(TEXTS) + "]}",
        '{"v": {' + ",".join(f'"{index}": {text}' for index, text in enumerate(TEXTS)) + "}}",
        '{"unit": "C", "rows": [' + ",".join(f'{{"v": {text}}}' for text in TEXTS) + "]}",
        '{"columns": ["v"], "index": [0], "data": [' + ",".join(f"[{text}]" for text in TEXTS) + "]}",
        "[[" + ",".join(f'{{"v": {text}}}' for text in TEXTS) + "]]",
    ],
)
@pytest.mark.parametrize("name", ["x.json", "x.txt"])
def test_json_of_any_shape_is_read(tmp_path: Path, text: str, name: str) -> None:
    layout = Layout(("v",)) if '"v"' in text else Layout()
    assert [row.values[0] for row in read(tmp_path, text, layout, name).rows] == VALUES


@pytest.mark.parametrize("text", ['{"a": 1, "b": {"c": 2}}', '"soon"', "{", '{"v": [1, 2], "t": [1]}'])
def test_json_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="JSON"):
        read(tmp_path, text, name="x.json")


def test_bad_rows_are_left_out_or_missing_where_it_is_asked_for(tmp_path: Path) -> None:
    text = table(["0", "1", "1", "2", "", "3", "4"], ["1", "2", "3", "x", "5", "6", "7"]) + "Total,9\n"
    skipped = read(tmp_path, text, Layout(("v",), "t", on_bad_row="skip"))
    assert [(row.values[0], row.time_delta) for row in skipped.rows] == [(1, 1), (2, 1), (6, 2), (7, 1)]
    assert len(skipped.notes) == 4
    missing = read(tmp_path, text, Layout(("v",), "t", on_bad_row="missing"))
    assert repr([row.values[0] for row in missing.rows]) == "[1.0, 2.0, nan, 6.0, 7.0]"
