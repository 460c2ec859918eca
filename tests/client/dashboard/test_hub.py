"""What the hub knows of streams is what their own clients were told, and knowing it changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from stream_filters_client import AsyncStreamClient, Patience, StreamClient
from stream_filters_client.dashboard.alarms import Kind
from stream_filters_client.dashboard.hub import Hub, Watch
from stream_filters_client.dashboard.tracks import Name
from stream_filters_client.scenarios import SCENARIOS

from tests.conftest import StartPredictor
from tests.predictor.process import PredictorProcess
from tools.processes import free_port

DEADLINE_SECONDS = 60.0


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not true():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(address: str) -> AsyncIterator[Hub]:
    """A hub that looks at the predictor, for a page that is open."""
    patience = Patience(timeout_seconds=5.0, retry_seconds=0.0)
    async with AsyncStreamClient(address, patience=patience) as client:
        hub = Hub(client, "the predictor", Watch(every_seconds=0.1))
        hub.page_opened()
        looking = asyncio.create_task(hub.run())
        try:
            yield hub
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


def last(hub: Hub, name: Name) -> dict[str, float]:
    history = hub.tracks[name].history
    return {column: float(values[-1]) for column, values in history.since(history.count - 1).items()}


async def test_a_filtered_position_is_what_the_streams_client_was_told(served: PredictorProcess) -> None:
    name = Name("streaming_kalman", "watched-position")
    scenario = SCENARIOS["kalman-demo"]
    observations = scenario.generate(1, 300).observations
    with StreamClient(served.grpc_address) as client:
        stream = client.stream(name.model, sequence_id=name.sequence_id, config=scenario.config)
        with stream:
            own = await asyncio.to_thread(stream.send, observations)
            async with watching(served.grpc_address) as hub:
                hub.watch(name)
                await until(lambda: hub.tracks[name].history.count)
                seen = last(hub, name)
    assert seen["observation"] == 299
    assert seen["position_1"] == pytest.approx(own.position_mean[-1, 0], rel=1e-6)
    assert seen["velocity_1"] == pytest.approx(own.velocity_mean[-1, 0], rel=1e-6)
    middle, lower, upper = own.observation_noise_std[-1, 0]
    ends = [seen[f"observation_noise_std_1{end}"] for end in ("", "_lower", "_upper")]
    assert ends == pytest.approx([middle, lower, upper], rel=1e-6)


@pytest.mark.parametrize("scenario", ["ar-demo", "mixture-demo"])
async def test_a_prediction_is_the_one_that_the_next_observation_meets(served: PredictorProcess, scenario: str) -> None:
    chosen = SCENARIOS[scenario]
    name = Name(chosen.model, f"watched-{scenario}")
    observations = chosen.generate(2, 200).observations
    with StreamClient(served.grpc_address) as client:
        stream = client.stream(name.model, sequence_id=name.sequence_id, config=chosen.config)
        with stream:
            await asyncio.to_thread(stream.send, observations[:-1])
            async with watching(served.grpc_address) as hub:
                hub.watch(name)
                await until(lambda: hub.tracks[name].history.count)
                seen, ahead = last(hub, name), hub.tracks[name].fan
            met = await asyncio.to_thread(stream.send, observations[-1:])
    assert seen["observation"] == ahead["observation"][0] == 199
    assert seen["predictive_1"] == ahead["forecast_1"][0] == pytest.approx(met.predictive_mean[0], rel=1e-9)
    assert seen["predictive_1_upper"] == pytest.approx(met.predictive_interval[0, 1], rel=1e-9)


async def test_looking_leaves_the_state_and_the_last_request_as_they_are(served: PredictorProcess) -> None:
    name = Name("adaptive_mixture", "undisturbed")
    rows = np.random.default_rng(1).normal(size=20)
    with StreamClient(served.grpc_address) as client, client.stream(name.model, sequence_id=name.sequence_id) as stream:
        await asyncio.to_thread(stream.send, rows[:10])
        first = await asyncio.to_thread(lambda: stream.send(rows[10:], outputs=["state", "predictive_mean"]))
        async with watching(served.grpc_address) as hub:
            hub.watch(name)
            await until(lambda: hub.tracks[name].history.count)
        again = client.stream(name.model, sequence_id=name.sequence_id, offset=10, keep=True)
        second = await asyncio.to_thread(lambda: again.send(rows[10:], outputs=["state", "predictive_mean"]))
    assert second.replayed
    assert second["state"][0] == first["state"][0]
    assert second.predictive_mean.tobytes() == first.predictive_mean.tobytes()


async def test_a_jump_of_the_level_is_an_alarm_with_its_stream(served: PredictorProcess) -> None:
    name = Name("adaptive_mixture", "jumping")
    random = np.random.default_rng(3)
    with StreamClient(served.grpc_address) as client, client.stream(name.model, sequence_id=name.sequence_id) as stream:
        async with watching(served.grpc_address) as hub:
            hub.watch(name)
            await asyncio.to_thread(stream.send, random.normal(0.0, 1.0, 200))
            await until(lambda: hub.tracks[name].count == 200)
            assert [alarm for alarm in hub.alarms if alarm.finding.kind is Kind.CHANGE] == []
            await asyncio.to_thread(stream.send, random.normal(40.0, 1.0, 30))
            await until(lambda: any(alarm.finding.kind is Kind.CHANGE for alarm in hub.alarms))
    assert {alarm.stream for alarm in hub.alarms} == {"adaptive_mixture / jumping"}


async def test_two_pages_cost_one_look_and_nobody_costs_none(served: PredictorProcess) -> None:
    name = Name("streaming_kalman", "shared")
    with StreamClient(served.grpc_address) as client, client.stream(name.model, sequence_id=name.sequence_id) as stream:
        await asyncio.to_thread(stream.send, [1.0, 2.0])
        async with watching(served.grpc_address) as hub:
            hub.page_opened()
            assert hub.watch(name) is hub.watch(name)
            await until(lambda: hub.tracks[name].history.count)
            hub.page_closed([name])
            hub.page_closed([name])
            await asyncio.sleep(0.2)
            await asyncio.to_thread(stream.send, [3.0])
            await asyncio.sleep(0.5)
            assert hub.tracks[name].count == 2
            hub.page_opened()
            hub.watch(name)
            await until(lambda: hub.tracks[name].count == 3)
    assert hub.tracks[name].history.since(0)["observation"].tolist() == [1.0, 2.0]


async def test_a_predictor_that_restarts_is_waited_for_and_its_durable_streams_go_on(
    start_predictor: StartPredictor, tmp_path: Path
) -> None:
    name = Name("online_ar_learning", "durable")
    flags = ("--store", f"sqlite://{tmp_path}/streams.db", "--grpc-port", str(free_port()))
    predictor = await asyncio.to_thread(start_predictor, *flags)
    with StreamClient(predictor.grpc_address) as client:
        stream = client.stream(name.model, sequence_id=name.sequence_id, keep=True)
        await asyncio.to_thread(stream.send, np.random.default_rng(4).normal(size=50))
        async with watching(predictor.grpc_address) as hub:
            hub.watch(name)
            await until(lambda: hub.tracks[name].count == 50)
            await asyncio.to_thread(predictor.stop)
            await until(lambda: hub.trouble)
            await asyncio.to_thread(start_predictor, *flags)
            await until(lambda: not hub.trouble)
            await asyncio.to_thread(stream.send, [0.5])
            await until(lambda: hub.tracks[name].count == 51)
    assert hub.tracks[name].generation == 1
    told = [alarm.finding.sentence for alarm in hub.alarms if alarm.finding.kind is Kind.SERVER]
    assert predictor.grpc_address in told[0]
    assert told[-1] == "the predictor answers again"


async def test_a_stream_that_is_lost_or_begins_again_is_told(served: PredictorProcess) -> None:
    name = Name("streaming_kalman", "coming-and-going")
    with StreamClient(served.grpc_address) as client:
        async with watching(served.grpc_address) as hub:
            hub.watch(name)
            for _ in range(2):
                stream = client.stream(name.model, sequence_id=name.sequence_id)
                await asyncio.to_thread(stream.send, [1.0, 2.0, 3.0])
                await until(lambda: not hub.tracks[name].told and hub.tracks[name].count == 3)
                await asyncio.to_thread(stream.end)
                await until(lambda: "is lost" in hub.tracks[name].told)
    sentences = [alarm.finding.sentence for alarm in hub.alarms]
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "the stream is lost",
        "the stream began again",
        "the stream is lost",
    ]
