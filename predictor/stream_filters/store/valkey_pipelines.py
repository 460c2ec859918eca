"""Few pipelines at a time, each for all the calls that wait: one round trip costs far more than one command."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

COMMANDS_PER_PIPELINE = 256

Command = tuple[str | bytes | int, ...]


class Answer(NamedTuple):
    """What the server said to a command, maybe an exception, and whether the command had to be sent again."""

    result: Any
    repeated: bool


class _Call(NamedTuple):
    commands: Sequence[Command]
    answers: "asyncio.Future[list[Answer]]"


class Pipelines:
    """Sends a call at once while fewer than `limit` pipelines are under way, and else with the others that wait."""

    def __init__(self, send: Callable[[Sequence[Command]], Awaitable[list[Answer]]], limit: int) -> None:
        self._send = send
        self._free = limit
        self._waiting: deque[_Call] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, commands: Sequence[Command]) -> list[Answer]:
        """The answers to the commands, in their order."""
        call = _Call(commands, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._free:
            self._free -= 1
            # A task of its own: a caller that is cancelled must not interrupt what others wait for.
            task = asyncio.create_task(self._serve_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await call.answers

    async def close(self) -> None:
        """Wait for the calls that were accepted."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve_waiting(self) -> None:
        while calls := self._take():
            try:
                answers = iter(await self._send([command for call in calls for command in call.commands]))
            except Exception as error:  # each caller sees it
                for call in calls:
                    if not call.answers.done():
                        call.answers.set_exception(error)
            else:
                for call in calls:
                    own = [next(answers) for _ in call.commands]
                    if not call.answers.done():
                        call.answers.set_result(own)
        self._free += 1

    def _take(self) -> list[_Call]:
        calls: list[_Call] = []
        room = COMMANDS_PER_PIPELINE
        while self._waiting and (not calls or len(self._waiting[0].commands) <= room):
            call = self._waiting.popleft()
            if not call.answers.done():  # else its caller gave up before it was sent
                calls.append(call)
                room -= len(call.commands)
        return calls
