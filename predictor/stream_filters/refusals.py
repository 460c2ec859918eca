"""Why a request is refused. The wire's code for each is in errors.py; the sentence goes to the caller as it is."""

from typing import ClassVar


class Refusal(Exception):
    """A request that is not carried out; the stream is as it was before.

    The sentence is for people: it names what came, what was expected, and what to do next. Programs act on `constant`,
    which stays as it is, and on `facts`, by name: what is to be known to go on.
    """

    constant: ClassVar[str]

    def __init__(self, sentence: str, **facts: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts


class InvalidRequest(Refusal):
    """The request can never succeed as it is."""

    constant = "invalid-request"


class NotFound(Refusal):
    """There is no such sequence."""

    constant = "not-found"


class WrongOffset(Refusal):
    """The request is not the next one of its stream, which goes on at the fact `next_offset`."""

    constant = "wrong-offset"


class EarlierLife(Refusal):
    """The request is of a life of its stream that is over; the fact `life` is the last one that has begun."""

    constant = "earlier-life"


class Unusable(Refusal):
    """What is stored for the stream cannot be gone on with."""

    constant = "state-unusable"


class Contended(Refusal):
    """Another writer was faster, several times in a row; trying again is safe."""

    constant = "contended"


class Exhausted(Refusal):
    """A limit is reached."""


class Overloaded(Exhausted):
    """So many requests or calls are in work or waiting that this one was not begun; trying again later is safe."""

    constant = "overloaded"


class TooManyStreams(Exhausted):
    """The limit on live streams is reached."""

    constant = "too-many-streams"


class StoreFull(Exhausted):
    """The store has no room."""

    constant = "store-full"


class TooLarge(Refusal):
    """More bytes came than one request may have."""

    constant = "too-large"


class TooSlow(Refusal):
    """The caller took longer to send its request, or to take its answer, than one may; trying again is safe."""

    constant = "too-slow"


class Compressed(Refusal):
    """The body came compressed."""

    constant = "compressed"


class Unavailable(Refusal):
    """The store is away; trying again is safe."""

    constant = "store-unavailable"


class GoingDown(Unavailable):
    """The server is about to end; trying again, on another connection, is safe."""

    constant = "going-down"


class Unsupported(Refusal):
    """The call is part of the protocol, but this server does not offer it."""

    constant = "unsupported"


class Unauthenticated(Refusal):
    """The call has no token, or not the server's."""

    constant = "unauthenticated"
