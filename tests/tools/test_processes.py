import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
BESIDE_A_SERVER = f"""
import sys, time
from tools.processes import running
with running([sys.executable, "-c", {SLEEPER!r}]) as (process, _):
    print(process.pid, flush=True)
    time.sleep(600)
"""
SERVER = "import time; print('it is ready: grpc a:1, http a:2,', flush=True); time.sleep(600)"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _told_to_end(command: list[str], **environment: str) -> int:
    """Tells the command to end once it has printed a process id; gives this id."""
    environment = {**os.environ, **environment}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        beside = int(program.stdout.readline())
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 128 + signal.SIGTERM
    return beside


def test_a_program_that_is_told_to_end_ends_the_server_beside_it() -> None:
    assert not _is_alive(_told_to_end([sys.executable, "-c", BESIDE_A_SERVER]))


def test_with_predictor_ends_its_command_when_it_is_told_to_end(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    command = [sys.executable, "-m", "tools.with_predictor", "MODULE=server", "--", sys.executable, "-c", SLEEPER]
    assert not _is_alive(_told_to_end(command, PYTHONPATH=str(tmp_path)))
