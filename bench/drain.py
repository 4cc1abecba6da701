"""How many events a second one worker drains into every table, beside a plain COPY of the same payloads."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import orjson

from bench.corpus import business
from bench.figures import Figure, Observation, ratio
from bench.scale import Scale
from bench.stage import Stage, Theatre, until

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


def measure(theatre: Theatre, scale: Scale, advance: Callable[[float], None]) -> Drain:
    """Each turn has an empty database and a new worker."""
    bodies = business(1, scale.drain_events)
    warming = business(2, WARMING)
    drained, copied = [], []
    for turn in range(scale.drain_turns):
        with theatre.stage(f"drain_{turn}") as stage:
            copied.append(copy(stage, bodies))
            with stage.running("drain"):
                drain(stage, warming)
                drained.append(drain(stage, bodies))
        advance(1 / scale.drain_turns)
    return Drain(drained, copied, sum(map(len, bodies)) / len(bodies))


def drain(stage: Stage, bodies: Sequence[bytes]) -> float:
    """Events a second from the wake-up to the last commit, all of them in the log by then."""
    stage.append(bodies)
    began = time.monotonic()
    stage.wake()
    until(stage.drained, DRAIN_SECONDS, "all is drained")
    return len(bodies) / (time.monotonic() - began)


def copy(stage: Stage, bodies: Sequence[bytes]) -> float:
    """Rows a second into a table with a primary key, committed."""
    rows = [(orjson.loads(body)["id"], body.decode()) for body in bodies]
    stage.database.execute("CREATE TABLE plain (id text PRIMARY KEY, payload text NOT NULL)")
    began = time.monotonic()
    with (
        stage.database.transaction(),
        stage.database.cursor() as cursor,
        cursor.copy("COPY plain (id, payload) FROM STDIN") as into,
    ):
        for row in rows:
            into.write_row(row)
    rate = len(rows) / (time.monotonic() - began)
    stage.database.execute("DROP TABLE plain")
    return rate
