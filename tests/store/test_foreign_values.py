"""What no store wrote is refused by name, stream by stream, and can be begun anew."""

from collections.abc import Callable
from typing import Any

import pytest
from stream_filters.refusals import Refusal, Unusable
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.runner import Answer, Runner

from tests.predictor.conftest import runner
from tests.predictor.in_process import sessions, turn
from tests.store.conftest import OpenUrl
from tests.store.servers import Server

__all__ = ["runner"]
KEY = "foreign:model/odd"
PUT: dict[str, Callable[[Any], object]] = {
    "nothing": lambda client: client.set(KEY, ""),
    "a few bytes": lambda client: client.set(KEY, "short"),
    "a version alone": lambda client: client.set(KEY, bytes(16)),
    "many bytes": lambda client: client.set(KEY, "x" * 5000),
    "a list": lambda client: client.lpush(KEY, "v"),
    "a hash": lambda client: client.hset(KEY, "f", "v"),
}


@pytest.mark.parametrize("case", [case for case in PUT if case != "nothing"])
async def test_a_foreign_value_is_refused_by_its_streams_name_alone(
    case: str, valkey: Server, opened: OpenUrl, runner: Runner
) -> None:
    held = sessions(await opened(f"valkey://127.0.0.1:{valkey.port}?prefix=foreign:"), runner)
    with valkey.client() as client:
        client.delete(KEY, "foreign:model/fine")
        PUT[case](client)
        before = client.dump(KEY)
        refused, applied = await held.apply([turn("odd", [1.0], offset=0), turn("fine", [1.0], start=True, offset=0)])
        assert isinstance(refused, Unusable)
        assert "'odd'" in refused.sentence
        assert "start it anew" in refused.sentence
        assert isinstance(applied, Answer)
        assert client.dump(KEY) == before
        client.delete("foreign:model/fine")


@pytest.mark.parametrize("case", PUT)
async def test_a_stream_can_begin_and_end_where_a_foreign_value_was(
    case: str, valkey: Server, opened: OpenUrl, runner: Runner
) -> None:
    held = sessions(await opened(f"valkey://127.0.0.1:{valkey.port}?prefix=foreign:"), runner)
    with valkey.client() as client:
        client.delete(KEY)
        PUT[case](client)

    async def only(asked: Turn) -> Answer:
        (result,) = await held.apply([asked])
        assert not isinstance(result, Refusal), result
        return result

    assert (await only(turn("odd", [1.0], start=True, offset=0))).belief.offset == 1
    assert (await only(turn("odd", [2.0], offset=1, end=True))).belief.offset == 2
    assert (await only(turn("odd", [2.0], offset=1, end=True))).replayed
