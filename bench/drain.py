"""How many events a second one worker drains into every table, beside a plain COPY of the same payloads."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import orjson

from bench.corpus import business
from bench.figures import Figure, Observation, ratio
from bench.pipeline import Pipeline
from bench.rig import Advance, Rig, until
from bench.scale import Scale

WARMING = 300
"""Events that a new worker drains before it is measured: it connects and imports when it is first asked."""

DRAIN_SECONDS = 300.0


@dataclass(frozen=True)
class Drain:
    """Events drained and rows copied a second, a turn each."""

    drained: list[float]
    copied: list[float]
    mean_bytes: float

    @property
    def alone(self) -> float:
        return median(self.drained)

    @property
    def figures(self) -> list[Figure]:
        value = ratio(self.drained, self.copied)
        return [Figure("drained, all projections ÷ plain COPY", value, "ratio", at_least=0.12)]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("drained, one worker alone", round(self.alone), "events/s"),
            Observation("plain COPY of the same payloads", round(median(self.copied)), "rows/s"),
            Observation("mean size of a simulated event", round(self.mean_bytes), "bytes"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> Drain:
    """Each turn has an empty database and a new worker."""
    bodies = business(1, scale.drain_events)
    warming = business(2, WARMING)
    drained, copied = [], []
    for turn in range(scale.drain_turns):
        with Pipeline.on(rig, f"drain_{turn}") as pipeline:
            copied.append(copy(pipeline, bodies))
            with pipeline.running("drain"):
                drain(pipeline, warming)
                drained.append(drain(pipeline, bodies))
        advance(1 / scale.drain_turns)
    return Drain(drained, copied, sum(map(len, bodies)) / len(bodies))


def drain(pipeline: Pipeline, bodies: Sequence[bytes]) -> float:
    """Events a second from the wake-up to the last commit, all of them in the log by then."""
    pipeline.append(bodies)
    began = time.monotonic()
    pipeline.wake()
    until(pipeline.drained, DRAIN_SECONDS, "all is drained")
    return len(bodies) / (time.monotonic() - began)


def copy(pipeline: Pipeline, bodies: Sequence[bytes]) -> float:
    """Rows a second into a table with a primary key, committed."""
    rows = [(orjson.loads(body)["id"], body.decode()) for body in bodies]
    pipeline.database.execute("CREATE TABLE plain (id text PRIMARY KEY, payload text NOT NULL)")
    began = time.monotonic()
    with (
        pipeline.database.transaction(),
        pipeline.database.cursor() as cursor,
        cursor.copy("COPY plain (id, payload) FROM STDIN") as into,
    ):
        for row in rows:
            into.write_row(row)
    rate = len(rows) / (time.monotonic() - began)
    pipeline.database.execute("DROP TABLE plain")
    return rate
