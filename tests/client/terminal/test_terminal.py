"""The command line as a process of its own: terminals, pipes, interruptions."""

import re
import signal
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.client.fake_predictor import FakePredictor
from tests.client.pseudo_terminal import (
    ALTERNATE_SCREEN,
    COMMAND,
    DEADLINE_SECONDS,
    MAIN_SCREEN,
    Terminal,
    poll,
    signals_pending,
)

REPLAY = ["replay", "-", "--model", "streaming_kalman"]


def has_lines(path: Path, count: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") == count


def test_the_live_view_fits_its_terminal_follows_its_size_and_gives_it_back(predictor: FakePredictor) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target], 80, 24)
    terminal.feed("1\n2\n3\n")
    terminal.read_until(b"observations and filtered position")
    terminal.resize(100, 40)
    terminal.feed("4\n")
    terminal.read_until(b"observation less its forecast")
    terminal.feed("5\n")
    terminal.read_until(b"5 \xc2\xb7 ")
    assert terminal.process.stdin is not None
    terminal.process.stdin.close()
    assert terminal.finish() == 0
    frame = terminal.last_frame()
    assert len(frame) <= 40
    assert max(map(len, frame)) <= 100
    assert terminal.seen.count(ALTERNATE_SCREEN) == terminal.seen.count(MAIN_SCREEN) == 1
    left = terminal.seen.split(MAIN_SCREEN)[1]
    assert left.index(b"filtered position") < left.index(b"median answer in ms")
    assert b"Ctrl-C" not in left


def test_no_color_is_obeyed(predictor: FakePredictor) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target], 80, 24, NO_COLOR="1")
    terminal.feed("1\n2\n3\n")
    terminal.read_until(b"filtered position")
    assert terminal.process.stdin is not None
    terminal.process.stdin.close()
    assert terminal.finish() == 0
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", terminal.seen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("live", [True, False])
def test_an_interruption_ends_the_streams_and_prints_what_there_is(
    predictor: FakePredictor, live: bool, number: signal.Signals
) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target, *([] if live else ["--plain"])], 80, 24)
    terminal.feed("1\n2\n3\n")
    terminal.read_until(b"filtered position" if live else b"3 observations")
    terminal.process.send_signal(number)
    assert terminal.finish() == 130
    assert b"3 interrupted" in terminal.seen
    assert b"Traceback" not in terminal.seen
    assert all(sequence.ended for sequence in predictor.sequences.values())
    assert terminal.was_given_back(live=live)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_waits_for_nothing_and_gives_the_terminal_back(
    predictor: FakePredictor, number: signal.Signals
) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target], 80, 24)
    terminal.feed("1\n")
    terminal.read_until(b"filtered position")
    predictor.faults.append("hang")
    terminal.feed("2\n")
    poll(lambda: not predictor.faults)
    terminal.process.send_signal(number)
    poll(lambda: signals_pending(terminal.process.pid) == 0)
    terminal.process.send_signal(number)
    assert terminal.finish() == 130
    assert b"Traceback" not in terminal.seen
    assert b"median answer" not in terminal.seen
    assert terminal.was_given_back()


def test_a_stream_that_is_lost_is_told_on_a_terminal_that_is_given_back(predictor: FakePredictor) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target], 80, 24)
    terminal.feed("1\n2\n")
    terminal.read_until(b"filtered position")
    predictor.faults.append("forget")
    terminal.feed("3\n")
    assert terminal.finish() == 3
    assert terminal.was_given_back()
    assert b"does not know" in terminal.seen.split(MAIN_SCREEN)[1]


def test_a_view_that_fails_gives_the_terminal_back(predictor: FakePredictor) -> None:
    broken = (
        "from stream_filters_client import cli\n"
        "from stream_filters_client.terminal import live_view as live\n"
        "def fail(*_): raise ValueError('cannot draw')\n"
        "live.StreamPanel.__rich_console__ = fail\n"
        "cli.main()"
    )
    terminal = Terminal([*REPLAY, "--target", predictor.target], 80, 24, command=[sys.executable, "-c", broken])
    terminal.feed("1\n")
    assert terminal.finish() == 1
    assert terminal.was_given_back()
    assert b"ValueError: cannot draw" in terminal.seen.split(MAIN_SCREEN)[1]


@pytest.mark.parametrize(
    ("options", "environment", "codes"),
    [
        # a heading is bold
        (["--quiet"], {}, {b"\x1b[1m", b"\x1b[0m"}),
        (["--json"], {}, set()),
        ([], {"TERM": "dumb"}, set()),
    ],
)
def test_a_terminal_that_is_dumb_or_to_be_left_alone_sees_no_view(
    predictor: FakePredictor, options: list[str], environment: dict[str, str], codes: set[bytes]
) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target, *options], 80, 24, **environment)
    terminal.feed("1\n2\n3\n")
    poll(lambda: predictor.applied == 3)
    assert terminal.process.stdin is not None
    terminal.process.stdin.close()
    assert terminal.finish() == 0
    assert set(re.findall(rb"\x1b[^a-zA-Z]*[a-zA-Z]", terminal.seen)) == codes
    assert b"latency_p50_ms" in terminal.seen or b"median answer in ms" in terminal.seen


def test_an_interruption_does_not_wait_for_a_server_that_is_gone(predictor: FakePredictor) -> None:
    terminal = Terminal([*REPLAY, "--target", predictor.target, "--plain"], 80, 24)
    terminal.feed("1\n")
    terminal.read_until(b"1 observations")
    predictor.faults.extend(["unavailable"] * 1000)
    terminal.feed("2\n")
    terminal.read_until(b"trying again")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.finish() == 130
    assert b"1 interrupted" in terminal.seen


def test_each_row_of_a_pipe_is_answered_and_written_as_it_arrives(predictor: FakePredictor, tmp_path: Path) -> None:
    output = tmp_path / "answers.jsonl"
    arguments = [*REPLAY, "--target", predictor.target, "--time-column", "t", "--output", str(output), "-q"]
    process = subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    for number in range(3):
        process.stdin.write(f'{{"t": {10 * number}, "x": {number}}}\n'.encode())
        process.stdin.flush()
        # the first two rows tell the usual step, with which the stream begins
        if number:
            poll(partial(has_lines, output, number + 1))
    process.stdin.close()
    assert process.wait(DEADLINE_SECONDS) == 0
    deltas = [request.raw_input_contents[1] for request in predictor.requests if len(request.inputs) == 2]
    assert [delta for part in deltas for (delta,) in struct.iter_unpack("<d", part)] == [10.0, 10.0, 10.0]


def test_a_pipe_gets_plain_lines(predictor: FakePredictor, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("x\n" + "1\n" * 40, encoding="utf-8")
    arguments = ["replay", "--model", "streaming_kalman", "--file", str(path), "--target", predictor.target]
    done = subprocess.run([*COMMAND, *arguments, "--rate", "20"], capture_output=True, check=True, timeout=60)
    assert b"\x1b" not in done.stdout
    assert b"/40 observations" in done.stdout
    assert done.stderr == b""


def test_a_reader_that_goes_away_ends_the_replay_quietly(predictor: FakePredictor) -> None:
    arguments = [*REPLAY, "--target", predictor.target]
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b"1\n2\n")
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(b"3\n")
    process.stdin.flush()
    assert process.wait(DEADLINE_SECONDS) == 130
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()
    assert all(sequence.ended for sequence in predictor.sequences.values())
