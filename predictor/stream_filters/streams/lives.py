"""Lives of a stream, from a start to an end: late copies of requests of one are kept out of the next by its number."""

from stream_filters.refusals import EarlierLife, NotFound
from stream_filters.streams.records import Record


def check(sequence_id: str, life: int, record: Record, *, starts: bool) -> None:
    """Refuse what is not of the life that the record holds, unless it begins a later one.

    Raises EarlierLife, or NotFound where the life has not begun.
    """
    if life < record.life:
        raise EarlierLife(
            f"life: {life} came, but the stream {sequence_id!r} has begun anew since, with {record.life}; "
            "leave it alone, or begin it anew with a higher number",
            life=record.life,
        )
    if life > record.life and not starts:
        raise NotFound(
            f"life: {life} came, but the stream {sequence_id!r} has not begun with it, or that was lost; "
            "start it with the parameter sequence_start"
        )


def check_start(sequence_id: str, life: int, record: Record) -> None:
    """Raise EarlierLife where another start has used the number; a retry of that start was recognised before."""
    if life == record.life:
        what = "is over" if record.ended else "has begun with another request"
        raise EarlierLife(
            f"life: {life} of the stream {sequence_id!r} {what}; begin the stream anew with a higher number",
            life=record.life,
        )


def begun(life: int | None, record: Record | None) -> int:
    """The life that a start begins: a caller that does not number lives ends those of one that does."""
    if life is not None:
        return life
    return record.life + 1 if record and record.life else 0
