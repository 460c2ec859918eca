"""Why a request is refused. The wire's code for each is in errors.py; the sentence goes to the caller as it is."""


class Refusal(Exception):
    """A request that is not carried out; the stream is as it was before.

    The sentence names what came, what was expected, and what to do next.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidRequest(Refusal):
    """The request can never succeed as it is."""


class NotFound(Refusal):
    """There is no such model, or no such sequence."""


class WrongOffset(Refusal):
    """The request is not the next one of its stream."""


class Unusable(Refusal):
    """What is stored for the stream cannot be gone on with."""


class Contended(Refusal):
    """Another writer was faster, several times in a row; trying again is safe."""


class Exhausted(Refusal):
    """A limit on live streams or waiting requests is reached."""


class TooLarge(Refusal):
    """More bytes came than one request may have."""


class Unavailable(Refusal):
    """The store is away, or the server is going down; trying again is safe."""


class Unsupported(Refusal):
    """The call is part of the protocol, but this server does not offer it."""
