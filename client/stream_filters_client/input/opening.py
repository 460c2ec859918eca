"""Files and pipes as lines of text, whatever they are packed and encoded in."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from stream_filters_client.errors import BadInput

_PACKED: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast(BinaryIO, bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": lambda file: cast(BinaryIO, lzma.LZMAFile(file)),  # noqa: SIM115 - closed with the file
}
_ZSTD = b"\x28\xb5\x2f\xfd"
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet or an archive; export or unpack it as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; export it as CSV",
    b"SQLite format 3": "a database; export the table as CSV",
    b"\x89HDF": "HDF5; export it as CSV or Parquet",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"\x93NUMPY": "a NumPy array; write it with numpy.savetxt",
}
PARQUET = b"PAR1"
# how the names of packed files end
PACKED = {".gz", ".bz2", ".xz", ".zst"}
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HEAD_BYTES = 4096
# what spreadsheets of western Europe and America write
_FALLBACK = "cp1252"


@contextmanager
def told(name: str) -> Iterator[None]:
    """Failures of reading as sentences. Raises BadInput."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise BadInput(f"{name} is packed, and damaged or cut off ({error}); pack it again") from error
    except OSError as error:
        raise BadInput(f"{name} cannot be read ({error.strerror or error}); name another file") from error
    except LookupError as error:
        raise BadInput(f"--encoding: {error}; write it as in --encoding latin-1") from error
    except UnicodeError as error:
        raise BadInput(f"{name} is not text in that encoding ({error}); see --encoding") from error


def head(path: Path) -> bytes:
    """How a file begins."""
    with told(str(path)), path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def read_text(path: Path, encoding: str | None) -> tuple[str, str]:
    """The text of a file, and a note on what was guessed of it; empty if nothing was. Raises BadInput."""
    with told(str(path)), path.open("rb") as file:
        data = _unpacked(file, str(path)).read()
        encoding = encoding or _encoding(data, str(path))
        try:
            return data.decode(encoding), ""
        except UnicodeDecodeError as error:
            if encoding != "utf-8":
                raise
            place = data.count(b"\n", 0, error.start) + 1
        return (
            data.decode(_FALLBACK, errors="replace"),
            f"{path} is not UTF-8 (line {place}); read as Windows-1252, see --encoding",
        )


def pipe_lines(binary: BinaryIO, name: str, encoding: str | None) -> Iterator[str]:
    """The lines of a pipe, each as soon as it is there. Raises BadInput."""
    with told(name):
        buffered = binary if isinstance(binary, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, binary))
        unpacked = _unpacked(buffered, name)
        if unpacked is not buffered:
            buffered = io.BufferedReader(cast(io.RawIOBase, unpacked))
        start = buffered.peek(4)
        text = io.TextIOWrapper(buffered, encoding or _encoding(start, name), errors="surrogateescape", newline=None)
        yield from text


def _unpacked(file: BinaryIO, name: str) -> BinaryIO:
    start = file.peek(16)[:16] if isinstance(file, io.BufferedReader) else b""
    for magic, unpack in _PACKED.items():
        if start.startswith(magic):
            return unpack(file)
    if start.startswith(_ZSTD):
        return _zstd(file, name)
    for magic, what in _NO_TEXT.items():
        if start.startswith(magic):
            raise BadInput(f"{name} is {what}")
    return file


def _zstd(file: BinaryIO, name: str) -> BinaryIO:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise BadInput(
            f"{name} is packed with zstd, which needs the package pyarrow; unpack it, or install it with "
            "pip install 'stream-filters-client[parquet]'"
        ) from error
    return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))


def _encoding(data: bytes, name: str) -> str:
    """By the mark that text begins with, or by where its zeros are."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return encoding
    start = data[:_HEAD_BYTES]
    if b"\x00" in start:
        evens, odds = start[::2].count(0), start[1::2].count(0)
        if max(evens, odds) >= len(start) // 2 * 0.7 and min(evens, odds) == 0:
            return "utf-16-be" if evens else "utf-16-le"
        raise BadInput(f"{name} holds bytes that are no text; name a file of CSV, JSON or Parquet, or see --encoding")
    return "utf-8"
