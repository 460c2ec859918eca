"""A filter that no file of the client names is listed, replayed, scored, reported and watched like the others."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from stream_filters_client import AsyncStreamClient, StreamClient
from stream_filters_client.dashboard.hub import Hub, Watch
from stream_filters_client.dashboard.tracks import Name

from tests.client.command import Run
from tests.client.conftest import run  # noqa: F401  a fixture
from tests.predictor.models import MEAN
from tests.predictor.process import ROOT, PredictorProcess

DEADLINE_SECONDS = 60.0


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    values = np.random.default_rng(3).normal(2.0, 1.0, 80)
    path.write_text("\n".join(["level", *map(str, values)]) + "\n", encoding="utf-8")
    return path


def test_no_file_of_the_client_names_it() -> None:
    sources = list((ROOT / "client" / "stream_filters_client").rglob("*.py"))
    assert sources
    assert not [file for file in sources if MEAN in file.read_text(encoding="utf-8")]


def test_it_is_listed_with_its_outputs(served: PredictorProcess, run: Run) -> None:  # noqa: F811
    told = run("list", "--target", served.grpc_address, "--json")

    (found,) = (model for model in told.json if model["name"] == MEAN)
    assert "mean" in [output["name"] for output in found["outputs"]]


def test_it_is_replayed_scored_and_reported(served: PredictorProcess, run: Run, readings: Path) -> None:  # noqa: F811
    saved, page, view = (readings.parent / name for name in ("run.json", "page.html", "view.svg"))
    source = ("--model", MEAN, "--file", str(readings), "--column", "level", "--target", served.grpc_address)
    told = run("replay", *source, "--json", "--save", str(saved), "--screenshot", str(view))
    assert told.code == 0, told.err

    (stream,) = json.loads(told.out)["streams"].values()
    assert np.isfinite(stream["scores"]["log_score_mean"])
    assert "mean" in view.read_text(encoding="utf-8")
    assert run("report", str(saved), "--output", str(page)).code == 0
    assert MEAN in page.read_text(encoding="utf-8")


async def test_the_dashboard_draws_what_it_says(served: PredictorProcess) -> None:
    name = Name(MEAN, "watched-mean")
    with StreamClient(served.grpc_address) as client, client.stream(MEAN, sequence_id=name.sequence_id) as stream:
        await asyncio.to_thread(stream.send, [1.0, 3.0, 5.0])
        async with AsyncStreamClient(served.grpc_address) as watching:
            hub = Hub(watching, "the predictor", Watch((MEAN,), every_seconds=0.1))
            hub.page_opened()
            looking = asyncio.create_task(hub.run())
            try:
                track = hub.watch(name)
                await _until(lambda: track.history.count)
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking
    assert "mean" in track.history.names
    assert "Mean" in [chart.title for chart in track.charts]


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not true():
            await asyncio.sleep(0.02)
