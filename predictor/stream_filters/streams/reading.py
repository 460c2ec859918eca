"""What a store holds of a stream, looked through as what a caller sends: whoever writes to the store may be another."""

from stream_filters.refusals import InvalidRequest, Unusable
from stream_filters.store.base import Versioned
from stream_filters.streams.exactly_once import Bind, Turn, restored, state_of
from stream_filters.streams.local_copies import Held
from stream_filters.streams.records import Belief, Record


def read(value: Versioned | None, turn: Turn, bind: Bind) -> Held:
    """The stream of the turn, or why it cannot be gone on with."""
    if value is None:
        return Held()
    if isinstance(value.value, Record):
        return Held(value.value, value.version)
    try:
        record = Record.decode(value.value, turn.sequence_id)
        _verify(record.belief, turn, bind)
        # a retry is answered from the state before it
        if record.previous and turn.offset == record.last_offset:
            _verify(record.previous, turn, bind)
    except Unusable as refusal:
        return Held(version=value.version, unreadable=refusal)
    return Held(record, value.version)


def _verify(belief: Belief, turn: Turn, bind: Bind) -> None:
    """Raise Unusable for a belief that no run can have left."""
    try:
        bound, state = restored(belief, bind)
    except InvalidRequest:
        return  # another filter's, or another schema's: the turn is refused by that name
    try:
        bound.verify(state_of(bound, state))
    except ValueError as error:
        raise Unusable(
            f"what is stored for the stream {turn.sequence_id!r} is a state that no {bound.name} left ({error}); "
            "start it anew"
        ) from error
