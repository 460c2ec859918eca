"""What a filter has learnt of a stream by its last row, in a sentence."""

from collections.abc import Iterator

import numpy as np

from stream_filters_client.estimates import Meaning
from stream_filters_client.replays.recording import Recording
from stream_filters_client.scoring.score_lines import number

# more of one quantity cannot be read in a sentence
_MOST_NUMBERS = 4


def sentence(recording: Recording, level: float) -> str:
    """Every small quantity with its band after the last row: `position 798 (650 .. 950), velocity ...`; or nothing."""
    parts = list(_parts(recording, level))
    return f"learnt, with {100 * level:g} % bands: {', '.join(parts)}" if parts else ""


def _parts(recording: Recording, level: float) -> Iterator[str]:
    reading = recording.reading
    if reading.label is not None and (label := recording.output(reading.label.name, 1)) is not None:
        yield f"{reading.label.words} {int(label[-1])}"
    for one in reading.of(Meaning.ESTIMATE, Meaning.BAND):
        bands = recording.bands(one, level, 1)
        flat = np.empty((0, 3)) if bands is None else bands[-1].reshape(-1, 3)
        if not 0 < len(flat) <= _MOST_NUMBERS or not np.isfinite(flat).all():
            continue
        for index, (middle, lower, upper) in enumerate(flat, start=1):
            name = one.words + (f" {index}" if len(flat) > 1 else "")
            yield f"{name} {number(float(middle))} ({number(float(lower))} .. {number(float(upper))})"
