"""What the embedded servers have in common: a process in the guardian's group, ready or not."""

import fcntl
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ingest.refusal import Refusal
from workers.servers.guardian import Guardian
from workers.servers.home import REMNANTS_SECONDS, Home

# Replaying what a crash left may take minutes; a server that died meanwhile is noticed at once.
READY_SECONDS = 300.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01


class ServerFailed(Refusal):
    """An embedded server did not start: the message ends with what it wrote to its log."""


class StillEnding(Refusal):
    """A server was killed and its last process is not gone yet: two of them must not share their data."""


class Server(ABC):
    """`start` before use; `stop` keeps all data, and so does any way of dying.

    `settings`, by the server's own names for them, hold from the next start on.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    death_signal: ClassVar[signal.Signals]
    defaults: ClassVar[Mapping[str, str]]

    def __init__(self, home: Home, guardian: Guardian, port: int) -> None:
        self.port = port
        self.settings = dict(self.defaults)
        self.directory = home.directory(self.name)
        self.log = self.directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._guardian = guardian

    @cached_property
    def password(self) -> str:
        return Home(self.directory).secret("password")

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it, password included."""

    @abstractmethod
    def command(self) -> list[str | Path]:
        """The program and its arguments."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers now."""

    @property
    def owned(self) -> Path | None:
        """The directory that it must own without being root, if it minds."""
        return None

    def start(self) -> None:
        """Start it and wait until it answers. Raises ServerFailed."""
        deadline = time.monotonic() + REMNANTS_SECONDS
        while True:
            try:
                self.spawn()
                break
            except StillEnding:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if not self.alive or time.monotonic() > deadline:
                raise ServerFailed(f"the embedded {self.name} did not start. {self.last_words()}")
            time.sleep(POLL_SECONDS)

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start it, and do not wait. Raises StillEnding."""
        with self._alone() as held, self.log.open("ab") as log:
            self.process = self._guardian.start(
                self.command(),
                death_signal=self.death_signal,
                owner_of=self.owned,
                environment={"LC_ALL": "C", "TZ": "UTC"},
                output=log,
                held=held,
            )
        return self.process

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """A lock for the server and all its children to inherit: it is free once the last of them is gone."""
        with (self.directory / "running").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StillEnding(f"a process of the last {self.name} still runs") from None
            self.forget_last_run()
            yield file.fileno()

    def forget_last_run(self) -> None:  # noqa: B027 - most servers leave nothing behind
        """Remove what a killed server left and the next one would trip over; none of it runs any more."""

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    def stop(self) -> None:
        """Stop it in order; kills it where that takes too long, which loses nothing."""
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The end of its log, as a sentence."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return f"Its log, {self.log}, ends: " + " | ".join(lines[-5:])
