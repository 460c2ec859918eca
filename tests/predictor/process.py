"""The predictor as a process of its own: started on free ports, ended by its process id."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
# the first start on a machine compiles every kernel
START_SECONDS = 280.0
END_SECONDS = 30.0
_READY = re.compile(r"is ready: grpc \S+:(\d+), http \S+:(\d+), models (\S+),")
_LISTENING = re.compile(r"live and not ready: grpc \S+:(\d+), http \S+:(\d+)(.*)")


class PredictorProcess:
    """One predictor with all registered filters and `running_mean`.

    folder: where its log is written. arguments: flags. environment: variables on top of this process's own.
    host: where it listens. store_is_away: it is waited for until it waits for its store. program: what is started
    instead of the module.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        store_is_away: bool = False,
        program: Sequence[str] = ("-m", "tests.serve_running_mean"),
    ) -> None:
        self.host = host
        self._log = folder / "predictor.log"
        command = [sys.executable, *program, "--host", host]
        command += ["--grpc-port", "0", "--http-port", "0", "--grace-seconds", "5", *arguments]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=log, stderr=log
            )
        try:
            self._wait_for(_LISTENING if store_is_away else _READY)
        except BaseException:
            self.stop()
            raise

    @property
    def log(self) -> str:
        """All that it said so far."""
        return self._log.read_text(errors="replace")

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def stop(self) -> int:
        """End it in order, or hard when it does not; returns its exit code."""
        if self.is_alive():
            self.process.terminate()
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the predictor did not end:\n{self.log}") from None

    def _wait_for(self, said: re.Pattern[str]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (ready := said.search(self.log)):
            if not self.is_alive() or time.monotonic() > deadline:
                raise AssertionError(f"the predictor did not start:\n{self.log}")
            time.sleep(0.05)
        loopback = {"::1": "[::1]"}.get(self.host, "127.0.0.1")
        self.grpc_address = f"{loopback}:{ready[1]}"
        self.http_url = f"http://{loopback}:{ready[2]}"
        self.models = ready[3].split(",")
