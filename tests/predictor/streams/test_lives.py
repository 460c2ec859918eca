"""Late copies of requests of an earlier life of a stream change nothing, wherever and whenever they come."""

import random
from typing import Any

import grpc
import numpy as np
import pytest
from stream_filters.filters.base import Batch
from stream_filters.refusals import EarlierLife, NotFound, Refusal, WrongOffset
from stream_filters.store.memory import MemoryStore
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.runner import Answer, Runner
from stream_filters_client import StreamClient, errors

from tests.predictor.in_process import BIND, sessions, turn
from tests.predictor.models import MEAN, posterior_means
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, message

NAME = "used again"


def uninterrupted(rows: list[float]) -> bytes:
    """The state after the rows of one life."""
    bound = BIND(None)
    batch = Batch(np.array(rows).reshape(-1, 1), np.ones(len(rows)))
    return bound.run(bound.initial_state(), batch, frozenset()).state.tobytes()


@pytest.mark.parametrize("seed", range(40))
async def test_late_copies_change_nothing_on_any_replica(runner: Runner, seed: int) -> None:
    chance = random.Random(seed)
    store = MemoryStore()
    replicas = [sessions(store, runner), sessions(store, runner)]

    async def serve(asked: Turn) -> Answer | Refusal:
        return (await chance.choice(replicas).apply([asked]))[0]

    history: list[tuple[Turn, Answer]] = []
    life = 0
    for _ in range(4):
        life += chance.randint(1, 1_000)
        rows: list[float] = []
        requests, ends = chance.randint(1, 4), chance.random() < 0.5
        for index in range(requests):
            # lives are made of the same few rows, so that only their numbers tell them apart
            piece = [chance.choice([1.0, 2.0]) for _ in range(chance.randint(1, 2))]
            more = {"start": index == 0, "end": ends and index == requests - 1}
            asked = turn(NAME, piece, offset=len(rows), life=life, **more)
            answer = await serve(asked)
            assert isinstance(answer, Answer)
            rows += piece
            assert answer.output("mean") == pytest.approx(posterior_means(rows)[-len(piece) :])
            assert (answer.replayed, answer.life) == (False, life)
            history.append((asked, answer))
            for late, before in chance.choices(history, k=chance.randint(0, 4)):
                again = await serve(late)
                if late is asked:
                    assert isinstance(again, Answer)
                    assert again.replayed
                    assert again.output("mean").tobytes() == before.output("mean").tobytes()
                elif late.life != life:
                    assert isinstance(again, EarlierLife)
                    assert again.facts == {"life": life}
                else:
                    assert isinstance(again, WrongOffset | EarlierLife | NotFound)
            looked = await serve(turn(NAME, []))
            if more["end"]:
                assert isinstance(looked, NotFound)
            else:
                assert isinstance(looked, Answer)
                assert looked.belief.state == uninterrupted(rows)


async def test_who_does_not_number_lives_ends_those_of_who_does(runner: Runner) -> None:
    held = sessions(MemoryStore(), runner)
    first = turn(NAME, [1.0], offset=0, life=7, start=True)
    again = turn(NAME, [2.0], offset=0, start=True)
    deleted = turn(NAME, [], end=True)
    answers = [(await held.apply([asked]))[0] for asked in (first, again, first, deleted, first)]
    assert [getattr(answer, "life", None) for answer in answers] == [7, 8, None, 8, None]
    assert [type(answer) for answer in answers[2::2]] == [EarlierLife, EarlierLife]


async def test_a_request_of_a_life_that_was_never_begun_is_not_applied_to_the_one_before(runner: Runner) -> None:
    held = sessions(MemoryStore(), runner)
    await held.apply([turn(NAME, [1.0], offset=0, life=1, start=True)])
    assert isinstance((await held.apply([turn(NAME, [2.0], offset=1, life=2)]))[0], NotFound)


async def test_a_number_is_good_for_one_start(runner: Runner) -> None:
    held = sessions(MemoryStore(), runner)
    await held.apply([turn(NAME, [1.0], offset=0, life=1, start=True)])
    assert isinstance((await held.apply([turn(NAME, [9.0], offset=0, life=1, start=True)]))[0], EarlierLife)
    assert isinstance((await held.apply([turn(NAME, [1.0], offset=1, life=1)]))[0], Answer)


def test_the_wire_says_which_life_has_begun(caller: Caller) -> None:
    first = message(MEAN, {"observations": [1.0]}, sequence_id=NAME, sequence_start=True, offset=0, life=5)
    assert caller.send(first).parameters["life"] == 5
    caller.infer(MEAN, [2.0], sequence_id=NAME, sequence_start=True, offset=0, life=6)
    with pytest.raises(grpc.RpcError) as refused:
        caller.send(first)
    trailing: Any = refused.value.trailing_metadata()
    facts = dict(trailing)
    assert {name: facts[name] for name in ("refusal", "life")} == {"refusal": "earlier-life", "life": "6"}
    inputs = {
        "sequence_ids": [NAME.encode(), b"fresh", b"unnumbered"],
        "observations": np.array([[1.0], [2.0], [3.0]]),
        "offsets": np.zeros(3, np.int64),
        "lives": np.array([5, 5, 0]),
        "starts": np.ones(3, bool),
    }
    reply = caller.send(message(MEAN, inputs, outputs=["mean"]))
    assert list(reply["codes"]) == [b"earlier-life", b"", b""]
    assert list(reply["lives"]) == [0, 5, 0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"life": 0, "offset": 0}, "life: 0 came"),
        ({"life": 2**63 - 1, "offset": 0}, "life: 9223372036854775807 came"),
        ({"life": 1}, "life: came without an offset"),
        ({"life": "1", "offset": 0}, "life: a parameter of type string came"),
    ],
)
def test_a_life_that_is_none_is_refused(caller: Caller, more: dict[str, Any], words: str) -> None:
    request = message(MEAN, {"observations": [1.0]}, sequence_id="no life", sequence_start=True, **more)
    assert words in caller.refused(request).sentence


def test_the_client_numbers_lives_by_itself(served: PredictorProcess) -> None:
    with StreamClient(served.grpc_address) as client:
        first = client.stream(MEAN, sequence_id="client lives")
        for value in (1.0, 2.0):
            first.send([value])
        second = client.stream(MEAN, sequence_id="client lives", keep=True)
        second.send([7.0])
        second.send([8.0])
        with pytest.raises(errors.EarlierLife):
            first.send([3.0])
        resumed = client.stream(MEAN, sequence_id="client lives", offset=2)
        resumed.send([9.0])
        # its end leaves the later life alone
        first.end()
        assert resumed.send([10.0], outputs=["mean"])["mean"] == posterior_means([7.0, 8.0, 9.0, 10.0])[-1:]
