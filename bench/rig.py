"""What every measurement stands on: the servers, a directory for files, and processes that end with it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.refusal import Refusal
from workers.servers.embedded import Embedded
from workers.servers.guardian import Guardian
from workers.servers.ports import available
from workers.up import ours

BARE = Path(__file__).with_name("bare.py")
START_SECONDS = 30.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01

Advance = Callable[[float], None]
"""Told which part of its whole a measurement has done since it last told."""


class Broken(Refusal):
    """A measurement went wrong, so that its value would mean nothing: the message says what did."""


@dataclass(frozen=True)
class Rig:
    """Servers of the benchmark's own, and the guardian that starts its processes."""

    servers: Embedded
    guardian: Guardian
    directory: Path

    @contextmanager
    def bare_route(self) -> Iterator[str]:
        """The bare route, serving; yields its URL."""
        port = available(0, variable="PORT")
        with self.process([sys.executable, "-P", BARE, str(port)], {}, "bare") as process:
            until(lambda: answers(port), START_SECONDS, "the bare route answers", process)
            yield f"http://127.0.0.1:{port}/webhooks"

    @contextmanager
    def process(
        self, program: Sequence[str | Path], environment: Mapping[str, str], name: str
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A process that runs for as long as the block, its output in a file. Raises Broken if it ended."""
        # What configures hooklog here must not configure what is measured.
        given = {key: value for key, value in os.environ.items() if key not in ours(os.environ)}
        path = self.directory / f"{name}.log"
        with path.open("ab") as output:
            process = self.guardian.start(program, environment={**given, **environment}, output=output)
        try:
            yield process
            if process.poll() is not None:
                said = path.read_text(errors="replace").splitlines()
                raise Broken(f"{name} ended while it was measured: {' | '.join(said[-5:])}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(
    came: Callable[[], bool], seconds: float, what: str, process: "subprocess.Popen[bytes] | None" = None
) -> None:
    """Return as soon as `came` says so. Raises Broken after `seconds`, or when the process ended."""
    deadline = time.monotonic() + seconds
    while not came():
        if time.monotonic() > deadline:
            raise Broken(f"waited {seconds:g} s in vain until {what}")
        if process is not None and process.poll() is not None:
            raise Broken(f"a process ended before {what}")
        time.sleep(POLL_SECONDS)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
