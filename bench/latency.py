"""From the moment a delivery is sent to the moment an analyst sees it in `payments`."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import orjson
from psycopg import Connection

from bench.corpus import business, write
from bench.end_to_end import everything
from bench.figures import Figure, Observation, percentile
from bench.pipeline import Pipeline
from bench.rig import Advance, Broken, Rig
from bench.scale import Scale
from bench.sending import Sending, sending

EVENTS_A_SECOND = 500
PAUSE_SECONDS = 0.002
"""Between two looks: what is seen may have been there for so long, and for one look."""

PATIENCE_SECONDS = 30.0

_SEEN = """
SELECT id FROM payments
WHERE account = 'default' AND NOT livemode AND id = ANY(%s) AND status = 'succeeded'
"""


class Awaited(NamedTuple):
    """A PaymentIntent whose success is the `place`-th event to be sent."""

    place: int
    payment_intent_id: str


@dataclass(frozen=True)
class Latency:
    """Seconds, one for each PaymentIntent that succeeded; `gaps` are those between two looks."""

    seconds: list[float]
    gaps: list[float]

    @property
    def figures(self) -> list[Figure]:
        value = round(percentile(self.seconds, 0.99) * 1000, 1)
        return [Figure(f"sent → visible at {EVENTS_A_SECOND}/s, p99", value, "ms", at_most=150.0)]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("sent → visible, median", round(percentile(self.seconds, 0.5) * 1000, 1), "ms"),
            Observation("sent → visible, longest", round(max(self.seconds) * 1000, 1), "ms"),
            Observation("sent → visible, payments watched", len(self.seconds), "payments"),
            Observation("between two looks, p99", round(percentile(self.gaps, 0.99) * 1000, 1), "ms"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> Latency:
    """An open loop: each event is sent when it is due, whatever became of the ones before."""
    bodies = business(4, ceil(EVENTS_A_SECOND * scale.latency_seconds))
    file = write(rig.directory / "latency.events", bodies)
    with Pipeline.on(rig, "latency") as pipeline, ExitStack() as processes:
        url = everything(pipeline, processes)
        with sending(url, len(bodies), events=file, rate=EVENTS_A_SECOND) as load:
            latency = watch(pipeline.database, load, successes(bodies), advance)
            load.result()
    file.unlink()
    return latency


def successes(bodies: Sequence[bytes]) -> list[Awaited]:
    """The PaymentIntents that succeed, each with the first event that says so."""
    first: dict[str, int] = {}
    for place, body in enumerate(bodies):
        subject = orjson.loads(body)["data"]["object"]
        if subject["object"] == "payment_intent" and subject["status"] == "succeeded":
            first.setdefault(subject["id"], place)
    return [Awaited(place, payment_intent_id) for payment_intent_id, place in first.items()]


def watch(
    database: "Connection[Any]", load: Sending, awaited: Sequence[Awaited], advance: Advance
) -> Latency:
    """Look at those that were sent and not seen, again and again, until all are seen."""
    coming = list(reversed(awaited))
    sent_at: dict[str, float] = {}
    seconds, gaps = [], []
    looked = time.monotonic()
    while coming or sent_at:
        while coming and (due := load.began + coming[-1].place / EVENTS_A_SECOND) <= time.monotonic():
            sent_at[coming.pop().payment_intent_id] = due
        seen = database.execute(_SEEN, [list(sent_at)]).fetchall()
        now = time.monotonic()
        gaps.append(now - looked)
        looked = now
        for (payment_intent_id,) in seen:
            seconds.append(now - sent_at.pop(payment_intent_id))
            advance(1 / len(awaited))
        if load.over and now - min(sent_at.values(), default=now) > PATIENCE_SECONDS:
            raise Broken(f"{len(sent_at)} payments were not visible within {PATIENCE_SECONDS:g} s")
        time.sleep(PAUSE_SECONDS)
    return Latency(seconds, gaps)
