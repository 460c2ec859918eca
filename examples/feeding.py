"""What a queue delivers, into a stream, exactly once: messages have numbers, and the stream's offset is the next one.

The belief and the offset are written together by the predictor, so that neither the queue's own bookkeeping nor this
program has to remember anything.
"""

from collections.abc import Iterable, Iterator
from math import nan

from stream_filters_client import Result, SequenceLost, Stream, StreamClient


def open_stream(client: StreamClient, model: str, name: str) -> Stream:
    """The stream of this name, where it is; a new one where there is none. `offset` is the number to go on with."""
    stream = client.stream(model, sequence_id=name, resume=True, keep=True)
    try:
        stream.send([])
    except SequenceLost:
        return client.stream(model, sequence_id=name, keep=True)
    return stream


def feed(stream: Stream, numbered: Iterable[tuple[int, float]]) -> Iterator[Result]:
    """Send observations by their numbers; gives the answer to each that was new.

    What was delivered before is passed over, and numbers that never came are missing observations.
    """
    for number, value in numbered:
        at = stream.offset or 0
        if number >= at:
            yield stream.send([nan] * (number - at) + [value])
