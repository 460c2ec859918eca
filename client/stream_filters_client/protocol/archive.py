"""Saved streams in one file: a line of JSON that says what it is, one for each stream, one with a checksum of all."""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stream_filters_client.errors import BadInput
from stream_filters_client.protocol import belief
from stream_filters_client.protocol.administration import Saved

FORMAT = "stream-filters streams"
VERSION = 1


def write(path: Path, streams: Iterable[Saved]) -> int:
    """Write the streams as they come; how many. The file appears when it is whole, in place of an older one.

    Raises BadInput when it cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                count = _write(file, streams)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}); name another file") from error
    return count


def _write(file: Any, streams: Iterable[Saved]) -> int:
    digest, count = hashlib.sha256(), 0
    for line in _lines(streams):
        digest.update(line)
        file.write(line)
        count += 1
    file.write(_line({"streams": count - 1, "sha256": digest.hexdigest()}))
    return count - 1


def _lines(streams: Iterable[Saved]) -> Iterator[bytes]:
    yield _line({"format": FORMAT, "version": VERSION})
    for saved in streams:
        state = base64.b64encode(saved.state).decode()
        yield _line({"model": saved.model, "sequence_id": saved.sequence_id, "state": state})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def read(path: Path) -> Iterator[Saved]:
    """The streams of a file that was found whole before the first of them. Raises BadInput."""
    try:
        _check(path)
        with path.open("rb") as file:
            next(file)
            for line in file:
                fields = json.loads(line)
                if "state" in fields:
                    yield _saved(fields)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); name another file") from error


def _saved(fields: dict[str, Any]) -> Saved:
    return Saved(str(fields["model"]), str(fields["sequence_id"]), base64.b64decode(fields["state"], validate=True))


def _check(path: Path) -> None:
    """Raise BadInput unless the file is whole and unchanged, and every state in it too."""
    digest, count, last, number = hashlib.sha256(), 0, b"", 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                _check_head(path, line)
            elif number > 2:
                count += 1
                _check_stream(path, number - 1, last)
            digest.update(last)
            last = line
    end = _parsed(last)
    if number < 2 or end.get("streams") != count or end.get("sha256") != digest.hexdigest():
        raise BadInput(f"{path} was cut off or changed: its checksum does not fit; export the streams again")


def _check_head(path: Path, line: bytes) -> None:
    head = _parsed(line)
    if head.get("format") != FORMAT:
        raise BadInput(f"{path} holds no exported streams; name a file that `stream-filters streams export` wrote")
    if head.get("version") != VERSION:
        raise BadInput(
            f"{path} has version {head.get('version')!r}, this release reads version {VERSION}; upgrade stream-filters"
        )


def _check_stream(path: Path, number: int, line: bytes) -> None:
    try:
        belief.read(_saved(_parsed(line)).state)
    except (KeyError, ValueError, BadInput) as error:
        raise BadInput(f"{path}, line {number}: {error}; export the streams again") from error


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
