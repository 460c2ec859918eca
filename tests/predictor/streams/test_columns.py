"""Many streams in one call are the same as each of them alone, whatever is asked of them."""

from random import Random
from typing import Any

import numpy as np
import pytest
from stream_filters.filters import REGISTRY
from stream_filters.filters.base import Filter
from stream_filters.refusals import Refusal
from stream_filters.store.memory import MemoryStore
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.runner import Answer, Runner
from stream_filters.streams.sessions import Limits, Sessions
from stream_filters.wire.configs import Binder

from tests.running_mean import RunningMean

# settings that streams start with, and the axes of their observations
_MODELS: list[tuple[type[Filter[Any]], dict[str, Any], list[str]]] = [
    (RunningMean, {}, ['{"prior_std": 3.0}']),
    (REGISTRY["online_ar_learning"], {"models": ["plain"], "noise_memory": [None]}, ['{"order": 2}']),
    (REGISTRY["streaming_kalman"], {"memories": [], "grid_size": 5}, ['{"process": "diag"}']),
    (REGISTRY["streaming_kalman"], {"dimension": 2, "memories": [], "grid_size": 5}, []),
    (REGISTRY["adaptive_mixture"], {"hypotheses": 4, "regimes": 2}, ['{"drift": "none"}']),
]
_STREAMS, _ROUNDS = 12, 14


class _Client:
    """What a careless client sends: its streams' next rows, but also retries, leaps, ends and streams that are not."""

    def __init__(self, seed: int, bound: Filter[Any], configs: list[str]) -> None:
        self.random, self.values = Random(seed), np.random.default_rng(seed)
        self.bound, self.configs = bound, configs
        self.offsets: dict[str, int] = {}
        self.last: dict[str, Turn] = {}
        own = [
            output.name for output in bound.outputs if not output.on_horizon and output.name != "stationary_probability"
        ]
        self.names = [frozenset(own), frozenset(own[:2])]

    def turns(self) -> list[Turn]:
        streams = self.random.sample(range(_STREAMS), self.random.randint(1, _STREAMS))
        return [self.turn(f"stream-{number}") for number in streams]

    def turn(self, name: str) -> Turn:
        if name in self.last and self.random.random() < 0.15:
            return self.last[name]
        start = (name not in self.offsets and self.random.random() < 0.9) or self.random.random() < 0.05
        count = self.random.choice([0, 1, 1, 2, 7, 20])
        rows = self.values.standard_normal((count, self.bound.dimension))
        rows[self.values.random(rows.shape) < 0.1] = np.nan
        if self.random.random() < 0.05:
            rows[count // 2 :] *= 1e80
        offset = 0 if start else self.offsets.get(name, 0) + self.random.choice([0] * 12 + [1, -1, 5])
        deltas = self.values.uniform(0.5, 2.0, count) if self.random.random() < 0.3 else None
        scales = self.values.uniform(0.5, 2.0, count) if self.random.random() < 0.2 else None
        turn = Turn(
            name,
            rows,
            deltas,
            self.random.choice(self.names),
            observation_scales=scales,
            horizon=self.random.choice([0, 0, 0, 2]),
            start=start,
            end=self.random.random() < 0.05,
            offset=self.random.choice([offset, offset, offset, None]) if offset >= 0 else None,
            config=self.random.choice([None, *self.configs]) if start else None,
        )
        if turn.horizon:
            turn = turn._replace(names=turn.names | {"forecast_mean"})
        self.last[name] = turn
        return turn

    def answered(self, turn: Turn, result: Answer | Refusal) -> None:
        if isinstance(result, Answer):
            self.offsets[turn.sequence_id] = result.belief.offset
            if turn.end:
                del self.offsets[turn.sequence_id]


def _sessions(binder: Binder, runner: Runner, store: MemoryStore) -> Sessions:
    return Sessions("model", store, binder, runner, Limits(live_streams=_STREAMS, cached_streams=5))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "settings", "configs"), _MODELS, ids=lambda value: getattr(value, "name", None))
async def test_many_streams_together_are_each_alone(
    runner: Runner, seed: int, kind: type[Filter[Any]], settings: dict[str, Any], configs: list[str]
) -> None:
    binder, stores = Binder(kind, settings), (MemoryStore(), MemoryStore())
    together, alone = (_sessions(binder, runner, store) for store in stores)
    client = _Client(seed, binder.default, configs)
    refused = replayed = 0
    for _ in range(_ROUNDS):
        turns = client.turns()
        expected = [(await alone.apply([turn]))[0] for turn in turns]
        results = await together.apply(turns)

        for turn, result, wanted in zip(turns, results, expected, strict=True):
            _assert_same(turn, result, wanted)
            client.answered(turn, result)
            refused += isinstance(result, Refusal)
            replayed += isinstance(result, Answer) and result.replayed
    keys = [f"model/stream-{number}" for number in range(_STREAMS)]
    kept = [[held and held.value for held in await store.get_many(keys)] for store in stores]
    assert kept[0] == kept[1]
    assert refused
    assert replayed


def _assert_same(turn: Turn, result: Answer | Refusal, wanted: Answer | Refusal) -> None:
    if isinstance(wanted, Refusal):
        assert isinstance(result, Refusal)
        assert (type(result), result.sentence, result.facts) == (
            type(wanted),
            wanted.sentence,
            wanted.facts,
        )
        return
    assert isinstance(result, Answer), result
    assert (result.belief, result.replayed, result.digest) == (wanted.belief, wanted.replayed, wanted.digest)
    for name in turn.names - ({"forecast_mean"} if not turn.horizon else set()):
        one, other = result.output(name), wanted.output(name)
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes(), name
