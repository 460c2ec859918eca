"""A TCP relay between a store and its server that counts round trips and loses answers."""

import asyncio
from typing import Any, Self

CHUNK_BYTES = 1 << 20


class Proxy:
    """`turns`: how often the store spoke after the server had. `lose_answers`: so many answers are yet to be lost.

    `server_port`: where new connections lead.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0
        self.turns = 0
        self.lose_answers = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        answered = True
        questions: asyncio.Task[Any] = asyncio.create_task(reader.read(CHUNK_BYTES))
        answers: asyncio.Task[Any] = asyncio.create_task(server_reader.read(CHUNK_BYTES))
        try:
            while True:
                await asyncio.wait([questions, answers], return_when=asyncio.FIRST_COMPLETED)
                if questions.done():
                    self.turns += answered
                    answered = False
                    server_writer.write(questions.result())
                    if not questions.result():
                        return
                    questions = asyncio.create_task(reader.read(CHUNK_BYTES))
                if answers.done():
                    answered = True
                    if self.lose_answers or not answers.result():
                        self.lose_answers = max(0, self.lose_answers - 1)
                        return
                    writer.write(answers.result())
                    answers = asyncio.create_task(server_reader.read(CHUNK_BYTES))
        finally:
            questions.cancel()
            answers.cancel()
            writer.close()
            server_writer.close()
