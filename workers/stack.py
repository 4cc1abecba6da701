"""A running stack: where it is and what it was started with, for whoever comes next to the same home."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.conninfo import readable
from workers.servers.home import Home, write_private

FILE = "stack.json"
START_SECONDS = 300.0
"""A stack that ended meanwhile is noticed at once."""


class NotRunning(Refusal):
    """Nothing runs on this home: start it with `./run up`, or name servers by REDIS_URL and DATABASE_URL."""


@dataclass(frozen=True)
class Stack:
    """`web` is the address to post to, `dashboard` the one to look at; `environment` what configures it,
    secrets included."""

    pid: int
    web: str
    environment: Mapping[str, str]
    dashboard: str = ""

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)


def announce(home: Home, stack: Stack) -> None:
    """Let others find it (mode 0600: it holds passwords)."""
    write_private(home.path / FILE, json.dumps(asdict(stack), indent=1))


def withdraw(home: Home) -> None:
    (home.path / FILE).unlink(missing_ok=True)


def find(path: Path) -> Stack:
    """The stack that runs on the home at `path`. Raises NotRunning."""
    file = path / FILE
    if not file.exists() or not Home(path).locked():
        raise NotRunning(
            f"nothing runs on {path.absolute()}: start it with ./run up, "
            "or set REDIS_URL and DATABASE_URL to where it runs"
        )
    return Stack(**json.loads(file.read_text()))


def settings_in_use() -> Settings:
    """The environment's, where that names both servers; else those of the stack on this home."""
    own = readable(Settings.from_environment())
    return own if own.redis_url and own.database_url else find(own.hooklog_home).settings


@contextmanager
def found_or_started(path: Path) -> Iterator[Stack]:
    """The stack on the home at `path`, or one of one's own that ends with the block. Raises NotRunning."""
    try:
        stack = find(path)
    except NotRunning:
        with _started(path) as stack:
            yield stack
    else:
        yield stack


@contextmanager
def _started(path: Path) -> Iterator[Stack]:
    home = Home(path)
    with (home.path / "up.log").open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "workers.command", "up"],
            stdout=output,
            stderr=output,
            env={**os.environ, "HOOKLOG_HOME": str(path)},
        )
    try:
        yield _wait_for(up, path)
    finally:
        up.terminate()
        up.wait()


def _wait_for(up: "subprocess.Popen[bytes]", path: Path) -> Stack:
    deadline = time.monotonic() + START_SECONDS
    while up.poll() is None and time.monotonic() < deadline:
        try:
            return find(path)
        except NotRunning:
            time.sleep(0.05)
    said = (path / "up.log").read_text(errors="replace").strip().splitlines()
    raise NotRunning(f"the stack did not start: {said[-1] if said else 'it said nothing'}")
