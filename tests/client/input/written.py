"""Files made anew for a test, in the shapes that people have them in."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from stream_filters_client.input.layout import Layout
from stream_filters_client.input.sources import Source, open_file

VALUES = [20.0 + index / 8 for index in range(60)]
TEXTS = [f"{value:.3f}" for value in VALUES]
NUMBERS = [str(index) for index in range(60)]
START = datetime(2024, 1, 30, 22)


def dates(form: str, step: timedelta, start: datetime = START) -> list[str]:
    return [(start + index * step).strftime(form) for index in range(60)]


def months(form: Callable[[int, int], str]) -> list[str]:
    return [form(2000 + index // 12, index % 12 + 1) for index in range(60)]


def table(times: Sequence[str], values: Sequence[str] = TEXTS, between: str = ",", header: str = "t,v") -> str:
    rows = [between.join(cells) for cells in zip(times, values, strict=True)]
    return "\n".join([header.replace(",", between), *rows]) + "\n"


def read(folder: Path, content: str | bytes, layout: Layout | None = None, name: str = "x.csv") -> Source:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_file(path, layout or Layout(("v",), "t"))
