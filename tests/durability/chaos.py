"""Exactly once under siege: `python -m tests.durability.chaos STORE [--kills N] [--seconds S]`.

Clients send streams to predictors over one store while predictors and stores are killed at random moments. Requests
are sent again when their answers are lost, sent twice at once, and sent late; streams end and begin anew under their
names, and are left until they expire. Every answer is compared, byte for byte, with a run of the filter that nothing
interrupted. A finding is an answer with other bytes, a late copy that is applied, or a stream that is lost.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from stream_filters.filters.base import Batch

from tests.predictor.models import MEAN, bound
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import Caller, Refused, Reply, message
from tests.store.servers import Server, free_port

STREAMS = 12
TTL_SECONDS = 20.0
OUTPUTS = ("mean", "log_evidence", "predictive_std", "state")
AGAIN = {"UNAVAILABLE", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNKNOWN"}
# a predictor that starts beside others on a busy machine takes its time
PATIENCE_SECONDS = 240.0
FLAGS = (
    *("--models", json.dumps([{"name": MEAN, "filter": MEAN}])),
    *("--ttl-seconds", str(TTL_SECONDS), "--replay-seconds", "600", "--store-check-seconds", "0.2"),
)


@dataclass
class Tally:
    """What was done, and what was found."""

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str) -> None:
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def found(self, what: str) -> None:
        with self.lock:
            self.findings.append(what)
        self.over.set()


class Stream:
    """One client of one stream, life after life.

    loses_writes: whether the store may forget the last writes, as a replica does that becomes the primary: the client
    then goes on from where the server says that the stream is.
    """

    def __init__(self, name: str, callers: list[Caller], tally: Tally, seed: int, *, loses_writes: bool) -> None:
        self._name = name
        self._callers = callers
        self._tally = tally
        self._random = random.Random(seed)
        self._loses_writes = loses_writes
        self._filter = bound(MEAN)

    def live(self) -> None:
        """Life after life, until it is over."""
        try:
            while not self._tally.over.is_set():
                self._life()
                self._tally.add("lives")
        except Exception as error:
            self._tally.found(f"{self._name}: {type(error).__name__}: {error}")

    def _life(self) -> None:
        # of each request: its message, and the answer of a run that nothing interrupts
        chunks = [self._random.randint(1, 5) for _ in range(self._random.randint(3, 40))]
        rows = np.random.default_rng(self._random.getrandbits(64)).standard_normal(sum(chunks))
        state, sent, offset = self._filter.initial_state(), [], 0
        for number, count in enumerate(chunks):
            values = rows[offset : offset + count]
            step = self._filter.run(state, Batch(values[:, None], np.ones(count)), frozenset(OUTPUTS[:-1]))
            state = step.state
            expected = b"".join(step.info[name].tobytes() for name in OUTPUTS[:-1]) + state.tobytes()
            sent.append((self._message(values, offset, number == 0, number == len(chunks) - 1), expected))
            offset += count
        number = 0
        while number < len(sent) and not self._tally.over.is_set():
            number = self._step(sent, number)

    def _step(self, sent: list[tuple[Any, bytes]], number: int) -> int:
        """Send one request, maybe with disturbances; gives the number of the next one."""
        request, expected = sent[number]
        chance = self._random.random()
        if chance < 0.1:
            # an answer that is lost: the request may be applied or not
            self._caller().start(request).cancel()
            self._tally.add("answers lost")
        elif chance < 0.15 and number:
            began = time.monotonic()
            self._tally.over.wait(TTL_SECONDS * self._random.choice([0.3, 1.2]))
            if time.monotonic() - began > TTL_SECONDS:
                self._tally.add("streams left to expire")
        reply = self._persist(request, number)
        if reply is None:
            return len(sent)
        if isinstance(reply, Refused):
            return self._behind(reply, sent, number)
        self._compare(reply, expected, "an answer")
        self._tally.add("requests")
        if self._random.random() < 0.2:
            again = self._persist(request, number)
            if isinstance(again, Reply):
                self._compare(again, expected, "an answer to a duplicate")
                self._tally.add("duplicates")
        if number and self._random.random() < 0.2 and number + 1 < len(sent):
            late = self._persist(sent[self._random.randrange(number)][0], number)
            if isinstance(late, Reply) and not self._loses_writes:
                self._tally.found(f"{self._name}: a late copy was applied or answered at request {number}")
            self._tally.add("late copies")
        return number + 1

    def _behind(self, refused: Refused, sent: list[tuple[Any, bytes]], number: int) -> int:
        """Where to go on when the server says that the stream is elsewhere."""
        if not self._loses_writes or "is at offset" not in refused.sentence:
            self._tally.found(f"{self._name}: request {number} was refused: {refused.sentence}")
            return len(sent)
        at = int(refused.sentence.partition("is at offset ")[2].split()[0].rstrip(";,"))
        self._tally.add("writes that the store forgot")
        return next(index for index, (one, _) in enumerate(sent) if one.parameters["offset"].int64_param >= at)

    def _persist(self, request: Any, number: int) -> Reply | Refused | None:
        """The answer, or why there is none however often it is sent; None: the stream has expired, or all is over."""
        ends = time.monotonic() + PATIENCE_SECONDS
        began = time.monotonic()
        while time.monotonic() < ends:
            outcome = self._caller().outcome(request)
            if isinstance(outcome, Reply) or outcome.code not in (*AGAIN, "NOT_FOUND"):
                return outcome
            if outcome.code == "NOT_FOUND":
                if self._loses_writes or number or time.monotonic() - began > TTL_SECONDS:
                    self._tally.add("streams found expired")
                    return None
                return outcome
            self._tally.add("sent again")
            if self._tally.over.wait(0.05):
                return None
        raise TimeoutError(f"request {number} was not answered within {PATIENCE_SECONDS:g} s")

    def _compare(self, reply: Reply, expected: bytes, what: str) -> None:
        size = self._filter.state_dtype.itemsize
        came = b"".join(reply[name].tobytes() for name in OUTPUTS[:-1]) + reply.state[-size:]
        if came != expected:
            self._tally.found(f"{self._name}: {what} differs from the uninterrupted run")

    def _caller(self) -> Caller:
        return self._random.choice(self._callers)

    def _message(self, rows: Any, offset: int, start: bool, end: bool) -> Any:
        more: dict[str, Any] = {"sequence_id": self._name, "offset": offset}
        more |= {"sequence_start": True} if start else {}
        more |= {"sequence_end": True} if end else {}
        return message(MEAN, {"observations": rows}, outputs=OUTPUTS, **more)


class Predictors:
    """So many over one store, each on a port of its own; one that is killed comes back there."""

    def __init__(self, folder: Path, url: str, count: int) -> None:
        self._flags = [("--grpc-port", str(free_port()), "--store", url, *FLAGS) for _ in range(count)]
        self._folders = [folder / f"predictor-{number}" for number in range(count)]
        for one in self._folders:
            one.mkdir()
        self._running = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> PredictorProcess:
        return PredictorProcess(self._folders[number], *self._flags[number])

    @property
    def callers(self) -> list[Caller]:
        return [Caller(one.grpc_address) for one in self._running]

    def kill_one(self, chance: random.Random) -> None:
        number = chance.randrange(len(self._running))
        self._running[number].process.kill()
        self._running[number].process.wait()
        self._running[number] = self._start(number)

    def stop(self) -> None:
        for one in self._running:
            one.stop()


Strike = Callable[[random.Random], None]


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[Predictors, dict[str, Strike], bool]]:
    predictors = Predictors(folder, f"sqlite://{folder}/streams.db", 1)
    try:
        yield predictors, {"predictors killed": predictors.kill_one}, False
    finally:
        predictors.stop()


@contextmanager
def valkey(folder: Path) -> Iterator[tuple[Predictors, dict[str, Strike], bool]]:
    server = _server(folder / "valkey", appendfsync="always")
    predictors = Predictors(folder, f"valkey://127.0.0.1:{server.port}", 2)

    def strike(_: random.Random) -> None:
        server.kill()
        server.start()

    strikes: dict[str, Strike] = {"predictors killed": predictors.kill_one, "stores killed": strike}
    try:
        yield predictors, strikes, False
    finally:
        predictors.stop()
        server.stop()


@contextmanager
def sentinel(folder: Path) -> Iterator[tuple[Predictors, dict[str, Strike], bool]]:
    """A primary and its replica: whichever is the primary is killed, and comes back as the replica of the other."""
    servers = [_server(folder / name, appendfsync="always") for name in ("one", "two")]
    with servers[1].client() as client:
        client.replicaof("127.0.0.1", servers[0].port)
    watch = Server(
        _made(folder / "sentinel"),
        "--sentinel",
        sentinel=f"monitor main 127.0.0.1 {servers[0].port} 1\ndown-after-milliseconds main 300\n"
        "failover-timeout main 3000",
    )
    watch.start()
    predictors = Predictors(folder, f"valkey+sentinel://127.0.0.1:{watch.port}/main", 2)

    def primary() -> int:
        with watch.client() as client:
            return int(client.sentinel_get_master_addr_by_name("main")[1])

    def strike(_: random.Random) -> None:
        port = primary()
        (old,) = (server for server in servers if server.port == port)
        (new,) = (server for server in servers if server.port != port)
        with new.client() as client:
            _until(lambda: client.info("replication").get("master_link_status") == "up", "the replica follows")
        old.kill()
        _until(lambda: primary() == new.port, "the sentinel fails over")
        old.start(replicaof=f"127.0.0.1 {new.port}")

    strikes: dict[str, Strike] = {"predictors killed": predictors.kill_one, "fail-overs": strike}
    try:
        yield predictors, strikes, True
    finally:
        predictors.stop()
        for server in (watch, *servers):
            server.stop()


def _until(condition: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what} not within {PATIENCE_SECONDS:g} s")
        time.sleep(0.05)


STORES = {"sqlite": sqlite, "valkey": valkey, "sentinel": sentinel}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _server(folder: Path, **settings: str) -> Server:
    server = Server(_made(folder), **settings)
    server.start()
    return server


def besiege(store: str, folder: Path, kills: int, seconds: float, seed: int = 0) -> Tally:
    """Strike at random moments until there were so many kills, or so many seconds have passed."""
    tally, chance = Tally(), random.Random(seed)
    with ExitStack() as stack:
        predictors, strikes, loses_writes = stack.enter_context(STORES[store](folder))
        streams = [
            Stream(f"stream-{number}", predictors.callers, tally, seed + number, loses_writes=loses_writes)
            for number in range(STREAMS)
        ]
        threads = [threading.Thread(target=stream.live) for stream in streams]
        for thread in threads:
            thread.start()
        ends = time.monotonic() + seconds
        try:
            for _ in range(kills):
                if tally.over.wait(chance.uniform(0.1, 1.5)) or time.monotonic() > ends:
                    break
                what = chance.choice(list(strikes))
                strikes[what](chance)
                tally.add(what)
            tally.over.wait(min(2.0, max(0.0, ends - time.monotonic())))
        finally:
            tally.over.set()
            for thread in threads:
                thread.join()
    return tally


def main() -> int:
    """Returns 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=STORES)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        tally = besiege(asked.store, Path(folder), asked.kills, asked.seconds, asked.seed)
    done = ", ".join(f"{count} {what}" for what, count in sorted(tally.counts.items()))
    print(f"{asked.store}: {done}, in {time.monotonic() - began:.0f} s; {len(tally.findings)} findings")
    for finding in tally.findings:
        print(finding)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
