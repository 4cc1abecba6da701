"""The load generator, at work in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.pipeline import SECRET
from bench.rig import Broken

LOAD = Path(__file__).with_name("load.py")
CONNECTIONS = 64


@dataclass(frozen=True)
class Load:
    """What the load generator reached: answers a second, all of them 200."""

    requests: int
    seconds: float
    rate: float


class Sending:
    """Load that is being sent; `began` is when the first was, by the monotonic clock (s)."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        assert process.stdout
        self._output = process.stdout
        self.began: float = self._line()["began"]

    @property
    def over(self) -> bool:
        """Whether it has ended. Raises Broken if it failed."""
        if self._process.poll():
            raise Broken("the load generator failed; why stands above")
        return self._process.returncode is not None

    def result(self) -> Load:
        """Wait for its end. Raises Broken unless every answer was 200."""
        told = self._line()
        if set(told["statuses"]) != {"200"}:
            raise Broken(f"not all deliveries were accepted: {told['statuses']}")
        return Load(told["requests"], told["seconds"], told["rate"])

    def _line(self) -> dict[str, Any]:
        line = self._output.readline()
        if not line:
            raise Broken("the load generator ended early; why stands above")
        told: dict[str, Any] = orjson.loads(line)
        return told


@contextmanager
def sending(url: str, requests: int, **options: object) -> Iterator[Sending]:
    """Send to `url` over 64 connections; `options` are those of load.py. Ends with the block."""
    program = [sys.executable, "-P", str(LOAD), url, "--secret", SECRET, "--announce"]
    program += ["--requests", str(requests), "--connections", str(CONNECTIONS)]
    for name, value in options.items():
        program += [f"--{name}", str(value)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        try:
            yield Sending(process)
        finally:
            process.kill()


def sent(url: str, requests: int, **options: object) -> Load:
    """Send it all."""
    with sending(url, requests, **options) as load:
        return load.result()
