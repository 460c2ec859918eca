"""The page in a real browser, with a real predictor: lines move, alarms appear, and a restart is lived through."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from stream_filters_client import StreamClient

from tests.browser import Browser, Visit
from tests.conftest import StartPredictor
from tests.predictor.process import PredictorProcess
from tools.processes import free_port

DEADLINE_MILLISECONDS = 90_000
COMMAND = [sys.executable, "-m", "stream_filters_client.cli", "dashboard", "--no-open", "--port", "0", "--every", "0.2"]
# the numbers of observations drawn of a stream, however many there are
DRAWN = """title => [...(Bokeh.documents[0]?.all_models ?? [])]
    .filter(model => model.type == 'ColumnDataSource' && model.name == title)
    .map(source => Array.from(source.data.observation || [])).flat()"""


@asynccontextmanager
async def dashboard(*arguments: str, ends: int = 130) -> AsyncIterator[str]:
    """The command, and the address of its page; interrupted at the end."""
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    assert " is at " in line, process.communicate()
    try:
        yield line.split(" is at ")[1].split(";")[0]
    finally:
        process.send_signal(signal.SIGINT)
        _, complaints = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == ends
    assert complaints == ""


async def until(visit: Visit, script: str, argument: object = None) -> None:
    await visit.page.wait_for_function(script, arg=argument, timeout=DEADLINE_MILLISECONDS)


async def says(visit: Visit, text: str) -> None:
    await visit.page.get_by_text(text).first.wait_for(timeout=DEADLINE_MILLISECONDS)


async def drawn(visit: Visit, title: str) -> list[float]:
    numbers: list[float] = await visit.page.evaluate(DRAWN, title)
    return numbers


def quiet(visit: Visit) -> None:
    """Nothing was complained of, and nothing was asked of another machine."""
    assert visit.complaints == []
    hosts = {url.split("/")[2].split(":")[0] for url in visit.requests if "://" in url}
    assert hosts <= {"localhost", "127.0.0.1"}


async def test_a_chosen_streams_line_moves_and_a_jump_is_an_alarm(browser: Browser, served: PredictorProcess) -> None:
    random = np.random.default_rng(5)
    title = "adaptive_mixture / page-moving"
    with StreamClient(served.grpc_address) as client:
        stream = client.stream("adaptive_mixture", sequence_id="page-moving")
        others = [client.stream("streaming_kalman", sequence_id=f"page-other-{number}") for number in range(60)]
        with stream:
            await asyncio.to_thread(stream.send, random.normal(0.0, 1.0, 200))
            for other in others:
                await asyncio.to_thread(other.send, [1.0])
            async with dashboard("--target", served.grpc_address) as address:
                visit = await browser.open(address)
                await says(visit, "Choose streams to watch")
                await says(visit, "more; search to find them")
                await visit.page.get_by_placeholder("search by name").fill("page-moving")
                await visit.page.get_by_label(title).check()
                await until(visit, f"title => ({DRAWN})(title).length > 0", title)
                first = await drawn(visit, title)
                await asyncio.to_thread(stream.send, random.normal(0.0, 1.0, 10))
                await until(visit, f"title => Math.max(...({DRAWN})(title)) == 210", title)
                assert len(await drawn(visit, title)) > len(first)
                await says(visit, "none so far")
                await asyncio.to_thread(stream.send, random.normal(40.0, 1.0, 30))
                await says(visit, "the regime changed")
                quiet(visit)
        for other in others:
            await asyncio.to_thread(other.end)


async def test_the_page_lives_through_a_restart_of_the_predictor(
    browser: Browser, start_predictor: StartPredictor, tmp_path: Path
) -> None:
    flags = ("--store", f"sqlite://{tmp_path}/streams.db", "--grpc-port", str(free_port()))
    predictor = await asyncio.to_thread(start_predictor, *flags)
    title = "streaming_kalman / page-durable"
    with StreamClient(predictor.grpc_address) as client:
        async with dashboard("--target", predictor.grpc_address) as address:
            visit = await browser.open(address)
            await says(visit, "has no streams now")
            stream = client.stream("streaming_kalman", sequence_id="page-durable", keep=True)
            await asyncio.to_thread(stream.send, [1.0, 2.0, 3.0])
            await until(visit, f"title => Math.max(...({DRAWN})(title)) == 2", title)
            await asyncio.to_thread(predictor.stop)
            await says(visit, "not reachable, trying again")
            await asyncio.to_thread(start_predictor, *flags)
            await says(visit, "answers again")
            await asyncio.to_thread(stream.send, [4.0])
            await until(visit, f"title => Math.max(...({DRAWN})(title)) == 3", title)
            assert await visit.page.get_by_text("not reachable").count() == 0
            quiet(visit)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_replayed_scenarios_are_shown_with_their_truth_and_fit_the_window(
    browser: Browser, served: PredictorProcess, width: int, scheme: str
) -> None:
    names = ("kalman-demo", "ar-demo", "mixture-demo")
    async with dashboard(*names, "--target", served.grpc_address, "--rate", "50", "--length", "400") as address:
        visit = await browser.open(address, width=width, scheme="dark" if scheme == "dark" else "light")
        for name in names:
            await until(visit, f"title => ({DRAWN})(title).length > 50", name)
        columns = await visit.page.evaluate(
            "title => Object.keys([...Bokeh.documents[0].all_models].find(one => one.name == title).data)",
            "kalman-demo",
        )
        assert {"observed_1", "position_1_lower", "true_position_1", "true_observation_noise_std_1"} <= set(columns)
        await says(visit, "the replay is over")
        assert await visit.page.evaluate("document.documentElement.scrollWidth") <= width
        quiet(visit)


async def test_a_name_that_is_markup_is_shown_as_it_is(browser: Browser, served: PredictorProcess) -> None:
    name = "<img src=x onerror=document.title='run'>$$x$$"
    with StreamClient(served.grpc_address) as client, client.stream("online_ar_learning", sequence_id=name) as stream:
        await asyncio.to_thread(stream.send, [1.0, 2.0])
        async with dashboard("--target", served.grpc_address, "--model", "online_ar_learning") as address:
            visit = await browser.open(address)
            await visit.page.get_by_placeholder("search by name").fill("onerror")
            await visit.page.get_by_label(name).check()
            await visit.page.get_by_role("heading", name=name).wait_for(timeout=DEADLINE_MILLISECONDS)
            assert await visit.page.title() != "run"
            quiet(visit)
