"""Resident memory of the web process and the drain worker, while a million events pass through them."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import mean

from bench.corpus import business, write
from bench.figures import Figure, Observation
from bench.pipeline import Pipeline
from bench.rig import Advance, Rig, until
from bench.scale import Scale
from bench.sending import sending

MEGABYTE = 1_000_000
BUSINESS_EVENTS = 50_000
"""A million events are sent as so many businesses: the load generator holds one at a time."""

SAMPLE_SECONDS = 0.5
SETTLE_SECONDS = 300.0

FLAT_MEGABYTES = 5.0
"""What the allocator may still take in the second half; a leak of ten bytes an event is as much."""


@dataclass(frozen=True)
class Memory:
    """Resident bytes, sampled from the first event until the last was drained."""

    web: list[int]
    drain: list[int]
    events: int

    @property
    def figures(self) -> list[Figure]:
        bounds = (("web", self.web, 100.0), ("drain worker", self.drain, 150.0))
        return [
            figure
            for name, samples, at_most in bounds
            for figure in (
                Figure(f"memory of {name}, peak", megabytes(max(samples)), "MB", at_most=at_most),
                Figure(
                    f"memory of {name}, growth in last half",
                    megabytes(growth(samples)),
                    "MB",
                    at_most=FLAT_MEGABYTES,
                ),
            )
        ]

    @property
    def observations(self) -> list[Observation]:
        return [Observation("events sent while memory was watched", self.events, "events")]


def growth(samples: Sequence[int]) -> float:
    """From the mean of a tenth of the samples in the middle to that of the last tenth."""
    tenth, middle = max(1, len(samples) // 10), len(samples) // 2
    return mean(samples[-tenth:]) - mean(samples[middle : middle + tenth])


def megabytes(size: float) -> float:
    return round(size / MEGABYTE, 1)


def measure(rig: Rig, scale: Scale, advance: Advance) -> Memory:
    """One business after the other, each drained before the next comes."""
    businesses = ceil(scale.memory_events / BUSINESS_EVENTS)
    memory = Memory([], [], scale.memory_events)
    with Pipeline.on(rig, "memory") as pipeline, ExitStack() as processes:
        drain = processes.enter_context(pipeline.running("drain"))
        processes.enter_context(pipeline.running("sweep"))
        url, web = processes.enter_context(pipeline.web())
        for number in range(businesses):
            events = min(BUSINESS_EVENTS, scale.memory_events - number * BUSINESS_EVENTS)
            file = write(rig.directory / "memory.events", business(10 + number, events))
            pass_through(pipeline, url, file, events, lambda: sample(memory, web.pid, drain.pid))
            advance(1 / businesses)
    return memory


def pass_through(pipeline: Pipeline, url: str, file: Path, events: int, look: Callable[[], None]) -> None:
    """Send the events and wait until they are drained, looking all the time."""

    def after_a_look(came: bool) -> bool:
        look()
        time.sleep(SAMPLE_SECONDS)
        return came

    with sending(url, events, events=file) as load:
        until(lambda: after_a_look(load.over), SETTLE_SECONDS, "all is sent")
        load.result()
    until(lambda: after_a_look(pipeline.drained()), SETTLE_SECONDS, "all is drained")


def sample(memory: Memory, web: int, drain: int) -> None:
    memory.web.append(resident(web))
    memory.drain.append(resident(drain))


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now."""
    if sys.platform == "linux":
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True)
    return int(said.stdout) * 1024
