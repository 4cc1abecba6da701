"""Everything at once on the same cores: how many events a second are in Postgres, not merely accepted."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil

from bench.corpus import business, write
from bench.drain import WARMING
from bench.figures import Figure, Observation
from bench.pipeline import Pipeline
from bench.rig import Advance, Rig, until
from bench.scale import Scale
from bench.sending import sending, sent

LOOK_SECONDS = 0.2
WARM_SECONDS = 30.0


@dataclass(frozen=True)
class EndToEnd:
    """Events a second: `visible` in Postgres at the end of the interval, `accepted` during it; and, of the
    same machine in the same run, those of web and of the drain alone."""

    visible: float
    accepted: float
    web_alone: float
    drain_alone: float

    @property
    def figures(self) -> list[Figure]:
        value = round(self.visible / min(self.web_alone, self.drain_alone), 3)
        return [Figure("end to end ÷ slower of web and drain", value, "ratio", at_least=0.4)]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("end to end, in Postgres as the load ends", round(self.visible), "events/s"),
            Observation("end to end, accepted under that load", round(self.accepted), "events/s"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance, *, web_alone: float, drain_alone: float) -> EndToEnd:
    """Load as fast as it is answered, for as long as the scale says."""
    seconds = scale.end_to_end_seconds
    events = ceil(web_alone * seconds)  # with the others on its cores, web accepts less
    file = write(rig.directory / "end_to_end.events", business(3, events))
    with Pipeline.on(rig, "end_to_end") as pipeline, ExitStack() as processes:
        url = everything(pipeline, processes)
        before = pipeline.events()
        with sending(url, events, events=file, seconds=seconds) as load:
            while (elapsed := time.monotonic() - load.began) < seconds and not load.over:
                time.sleep(min(LOOK_SECONDS, seconds - elapsed))
                advance(min(LOOK_SECONDS, seconds - elapsed) / seconds)
            elapsed = time.monotonic() - load.began
            visible = pipeline.events() - before
            accepted = load.result()
    file.unlink()
    return EndToEnd(visible / elapsed, accepted.rate, web_alone, drain_alone)


def everything(pipeline: Pipeline, processes: ExitStack) -> str:
    """Start what `hooklog up` starts, and warm it; returns the URL to post to."""
    for command in (*["drain"] * pipeline.settings.drain_workers, "scheduler", "sweep"):
        processes.enter_context(pipeline.running(command))
    url, _ = processes.enter_context(pipeline.web())
    file = write(pipeline.rig.directory / "warming.events", business(2, WARMING))
    sent(url, WARMING, events=file)
    until(pipeline.drained, WARM_SECONDS, "the first events are drained")
    return url
