"""A small process that outlives its parent by no more than two seconds, and takes the others with it.

All children of hooklog are one process group, which the guardian leads. Its standard input is a pipe
from the parent: when that closes without a word, however the parent died, the guardian stops the group.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# SIGTERM is the kind way for all but Postgres, which would wait for its clients; SIGQUIT makes it drop
# everything at once, with its children. The log and the tables are durable without any of this.
STAGES = ((signal.SIGTERM, 0.5), (signal.SIGQUIT, 0.7))


class Guardian:
    """Starts programs that end when this process does: `with Guardian() as guardian`."""

    def __init__(self, held: int | None = None) -> None:
        """`held` is a file descriptor that every child inherits: a lock that lasts as long as they do."""
        self._held = () if held is None else (held,)
        self._process: subprocess.Popen[bytes] | None = None
        self._group = 0

    def __enter__(self) -> "Guardian":
        self.watch()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill whoever is still in the group."""
        assert self._process is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(b"now")

    def watch(self) -> bool:
        """See to it that the guardian process is there; True if it had to be started."""
        if self._process is not None and self._process.poll() is None:
            return False
        try:
            self._process = self._spawn()
        except PermissionError:  # the group ended with its last member
            self._group = 0
            self._process = self._spawn()
        self._group = self._group or self._process.pid
        return True

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            process_group=self._group,
            pass_fds=self._held,
        )

    def start(
        self,
        program: Sequence[str | Path],
        *,
        death_signal: signal.Signals = signal.SIGTERM,
        owner_of: Path | None = None,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
        held: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Start `program`; one that is `owner_of` a directory never runs as root. It inherits `held`, too."""
        launch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
        return subprocess.Popen(
            [*launch, str(int(death_signal)), str(owner_of or ""), *map(str, program)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env=environment,
            process_group=self._group,
            pass_fds=self._held if held is None else (*self._held, held),
        )


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if not sys.stdin.buffer.read():
        for number, pause in STAGES:
            os.killpg(0, number)
            time.sleep(pause)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
