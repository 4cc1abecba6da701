"""Keeps processes running: one that ends is started again, after a pause that grows."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterable

from ingest.refusal import Refusal

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0
# Who ran for this long did not fail at starting: the next pause is the first one again.
STEADY_SECONDS = 60.0

Process = subprocess.Popen[bytes]
Say = Callable[[str], None]


class Part:
    """One process and how to start it; `process` is one that runs already."""

    def __init__(
        self,
        name: str,
        spawn: Callable[[], Process],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        process: Process | None = None,
    ) -> None:
        self.name = name
        self.process = process
        self._spawn = spawn
        self._stop_signal = stop_signal
        self._began = self._due = time.monotonic()
        self._failures = 0

    def tend(self, say: Say) -> None:
        """Start it where it is due; where it ended, say so and when it is started again."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._due:
                self._start(now, say)
        elif (status := self.process.poll()) is not None:
            self.process = None
            self._put_off(now, ending(status), say)

    def _start(self, now: float, say: Say) -> None:
        self._began = now
        try:
            self.process = self._spawn()
        except (Refusal, OSError) as error:  # its last process is still ending, or the disk is full
            self._put_off(now, f"cannot start ({error})", say)

    def _put_off(self, now: float, why: str, say: Say) -> None:
        self._failures = 0 if now - self._began > STEADY_SECONDS else self._failures + 1
        pause = min(FIRST_PAUSE * 2 ** max(self._failures - 1, 0), LONGEST_PAUSE)
        self._due = now + pause
        say(f"{self.name} {why}; it is started again in {pause:g} s")

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self._stop_signal)

    def wait(self, deadline: float, say: Say) -> None:
        """Wait for its end, at the latest until `deadline` (monotonic), when it is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not stop in time and is killed; nothing is lost by that")
            self.process.kill()
            self.process.wait()


def stop(parts: Iterable[Part], grace: float, say: Say) -> None:
    """Ask all to stop, and wait for all; after `grace` seconds they are killed."""
    parts = list(parts)
    deadline = time.monotonic() + grace
    for part in parts:
        part.ask_to_stop()
    for part in parts:
        part.wait(deadline, say)


def ending(status: int) -> str:
    """How a process ended, as said of it: `status` as Popen.returncode has it."""
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with code {status}"
