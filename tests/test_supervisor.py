"""The supervisor: what ends is started again, after a pause that grows."""

import signal
import subprocess
import sys

import pytest

from ingest.refusal import Refusal
from tests.web_process import PATIENCE
from workers import supervisor
from workers.supervisor import Part, stop

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); {SLEEP}"


class Clock:
    """Time as the test has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(supervisor.time, "monotonic", lambda: self.now)


def start(program: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)


def start_and_end() -> "subprocess.Popen[bytes]":
    process = start("raise SystemExit(3)")
    process.communicate()
    return process


def test_the_pause_grows_with_every_failure_and_never_past_its_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, said = Clock(monkeypatch), list[str]()
    part = Part("web", start_and_end)
    for _ in range(20):
        part.tend(said.append)
        clock.now += supervisor.LONGEST_PAUSE
    pauses = [sentence.rpartition(" in ")[2] for sentence in said]
    assert ["0.25 s", "0.5 s", "1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s", "30 s"] == pauses
    assert "web ended with code 3; it is started again in 0.25 s" == said[0]


def test_it_waits_for_the_pause_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Clock(monkeypatch), list[str]()
    part = Part("web", start_and_end)
    part.tend(said.append)
    part.tend(said.append)
    part.tend(said.append)
    assert part.process is None
    clock.now += supervisor.FIRST_PAUSE
    part.tend(said.append)
    assert part.process is not None


def test_who_ran_steadily_begins_with_the_first_pause_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Clock(monkeypatch), list[str]()
    part = Part("web", start_and_end)
    for _ in range(8):
        part.tend(said.append)
        clock.now += supervisor.STEADY_SECONDS + 1
    assert {"web ended with code 3; it is started again in 0.25 s"} == set(said)


def test_one_that_cannot_be_started_yet_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    said: list[str] = []

    def refuse() -> "subprocess.Popen[bytes]":
        raise Refusal("its last process still runs")

    Part("postgres", refuse).tend(said.append)
    assert [
        "postgres cannot start (its last process still runs); it is started again in 0.25 s",
    ] == said


def test_a_signal_is_told_by_its_name() -> None:
    said: list[str] = []
    with start(SLEEP) as process:
        process.kill()
    Part("drain 1", start_and_end, process=process).tend(said.append)
    assert ["drain 1 was killed by SIGKILL; it is started again in 0.25 s"] == said


def test_all_are_asked_to_stop_and_waited_for() -> None:
    said: list[str] = []
    with start(SLEEP) as web, start(SLEEP) as sweep:
        stop([Part(name, start_and_end, process=each) for name, each in (("web", web), ("sweep", sweep))],
             PATIENCE, said.append)  # fmt: skip
        assert ([-signal.SIGTERM] * 2, []) == ([web.returncode, sweep.returncode], said)


def test_who_does_not_stop_in_time_is_killed_and_that_is_said() -> None:
    said: list[str] = []
    with start(STUBBORN) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.readline()
        stop([Part("web", start_and_end, process=stubborn)], 0.1, said.append)
        assert -signal.SIGKILL == stubborn.returncode
    assert ["web did not stop in time and is killed; nothing is lost by that"] == said
