"""Requests of one stream are applied in the order of their arrival, however long each takes to be read."""

import subprocess
import sys
from pathlib import Path

# KServe reads the command line when it is imported: it gets a process of its own
ARRIVING = """
import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from kserve import InferInput, InferRequest
from stream_filters.wire.configs import Binder
from stream_filters.model import Backend, FilterModel
from stream_filters.streams.sessions import Limits
from stream_filters.store.memory import MemoryStore
from stream_filters.wire.validation import RequestLimits

from tests.running_mean import RunningMean

ROWS = 20_000


def tensor(name, array):
    made = InferInput(name, list(array.shape), {"f": "FP64", "b": "BOOL", "O": "BYTES"}[array.dtype.kind])
    made.set_data_from_numpy(array)
    return made


def request(*tensors, **parameters):
    return InferRequest("mean", [tensor(name, array) for name, array in tensors], parameters=parameters)


async def main():
    with ThreadPoolExecutor(2) as executor:
        backend = Backend(MemoryStore(), executor, 2, Limits(), RequestLimits())
        model = FilterModel("mean", Binder(RunningMean, {}), backend)
        names = np.array([b"a", b"b"], dtype=object)
        large = request(("sequence_ids", names), ("observations", np.ones((2, ROWS))), ("starts", np.ones(2, bool)))
        small = request(("observations", np.ones(1)), sequence_id="a")
        _, answer, again = await asyncio.gather(model.predict(large), model.predict(small), model.predict(small))
        print(answer.parameters["next_offset"], again.parameters["next_offset"])


asyncio.run(main())
"""


# while a large request of the streams a and b is read
HELD_UP = (
    ARRIVING[: ARRIVING.index("async def main")]
    + """
import stream_filters.model as module

reads, beside = asyncio.Event(), module.beside


async def slowly(values, work):
    await reads.wait() if values > ROWS else None
    return await beside(values, work)


async def main():
    module.beside = slowly
    with ThreadPoolExecutor(2) as executor:
        backend = Backend(MemoryStore(), executor, 2, Limits(), RequestLimits())
        model = FilterModel("mean", Binder(RunningMean, {}), backend)
        names = np.array([b"a", b"b"], dtype=object)
        large = request(("sequence_ids", names), ("observations", np.ones((2, ROWS))), ("starts", np.ones(2, bool)))
        row = ("observations", np.ones(1))
        reading = asyncio.create_task(model.predict(large))
        behind = asyncio.create_task(model.predict(request(row, sequence_id="a")))
        other = await model.predict(request(row, sequence_id="c", sequence_start=True))
        await model.predict(request(row))
        print(other.parameters["next_offset"], reading.done(), behind.done())
        reads.set()
        await reading
        print((await behind).parameters["next_offset"])


asyncio.run(main())
"""
)


def _said(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_small_request_does_not_overtake_a_large_one() -> None:
    assert _said(ARRIVING) == ["20001", "20002"]


def test_a_large_request_holds_up_its_own_streams_alone() -> None:
    assert _said(HELD_UP) == ["1", "False", "False", "20001"]
