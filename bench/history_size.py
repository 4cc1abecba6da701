"""Whether the drain slows down as the history grows: beside five million events, and beside none."""

from dataclasses import dataclass
from statistics import median

from bench.corpus import business
from bench.drain import WARMING, drain
from bench.figures import Figure, Observation, ratio
from bench.pipeline import Pipeline
from bench.rig import Advance, Rig
from bench.scale import Scale

EVENTS_AT_ONCE = 250_000
EVENTS_AN_OBJECT = 2

_EVENTS = """
INSERT INTO events (event_id, type, created_at, source, account, livemode, api_version, object, object_id,
    received_at, log_partition, log_id, payload)
SELECT 'evt_' || token, 'payment_intent.' || CASE n %% 2 WHEN 0 THEN 'created' ELSE 'succeeded' END,
    at, 'default', 'default', false, '2026-10-28.endive', 'payment_intent', intent, at, n %% 4, n || '-0',
    format(
        '{"id":"evt_%%s","object":"event","type":"payment_intent.%%s","api_version":"2026-10-28.endive",'
        '"created":%%s,"livemode":false,"data":{"object":{"id":"%%s","object":"payment_intent",'
        '"amount":1000,"currency":"usd","status":"succeeded","created":%%s,"livemode":false,"metadata":{}}}}',
        token, CASE n %% 2 WHEN 0 THEN 'created' ELSE 'succeeded' END, second, intent, second
    )
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
    LATERAL (SELECT lpad(to_hex(n), 8, '0') || left(md5(n::text), 16) AS token,
        'pi_' || lpad(to_hex(n / 2), 8, '0') || left(md5((n / 2)::text), 16) AS intent,
        1600000000 + n AS second, to_timestamp(1600000000 + n) AS at) AS made
"""
# Ids grow with time, as Stripe's do.

_HEADS = """
INSERT INTO heads (account, livemode, object, object_id, place, incarnation, phase, terminal, second)
SELECT account, livemode, object, object_id, max(place), 0, 1, 1, max(extract(epoch FROM created_at))
FROM events GROUP BY account, livemode, object, object_id
"""
_ROWS = """
INSERT INTO payment_intents (account, livemode, id, source, updated_at, stale, created_at, amount, currency,
    status, metadata)
SELECT account, livemode, object_id, source, created_at, false, created_at, 1000, 'usd', 'succeeded', '{}'
FROM events WHERE type = 'payment_intent.succeeded'
"""


@dataclass(frozen=True)
class HistorySize:
    """Events drained a second, a turn each, beside `events` of history and beside none."""

    beside: list[float]
    alone: list[float]
    events: int

    @property
    def figures(self) -> list[Figure]:
        value = ratio(self.beside, self.alone)
        return [Figure("drained beside a long history ÷ beside none", value, "ratio", at_least=0.9)]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("events of that history", self.events, "events"),
            Observation("drained beside it", round(median(self.beside)), "events/s"),
            Observation("drained beside none, in turn with it", round(median(self.alone)), "events/s"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> HistorySize:
    """Turns beside the history and beside none, each with a new worker, alternate."""
    beside, alone = [], []
    with Pipeline.on(rig, "long_history") as long:
        fill(long, scale.history_events, advance)
        for turn in range(scale.history_turns):
            bodies = business(100 + turn, scale.drain_events)
            with Pipeline.on(rig, f"no_history_{turn}") as none:
                alone.append(by_a_new_worker(none, bodies, turn))
            beside.append(by_a_new_worker(long, bodies, turn))
            advance(0.5 / scale.history_turns)
    return HistorySize(beside, alone, scale.history_events)


def by_a_new_worker(pipeline: Pipeline, bodies: list[bytes], turn: int) -> float:
    with pipeline.running("drain"):
        drain(pipeline, business(200 + turn, WARMING))
        return drain(pipeline, bodies)


def fill(pipeline: Pipeline, events: int, advance: Advance) -> None:
    """A history of PaymentIntents that succeeded, two events each, with their heads and rows."""
    for first in range(EVENTS_AN_OBJECT, events + EVENTS_AN_OBJECT, EVENTS_AT_ONCE):
        last = min(first + EVENTS_AT_ONCE, events + EVENTS_AN_OBJECT) - 1
        pipeline.database.execute(_EVENTS, {"first": first, "last": last})
        advance(0.4 * EVENTS_AT_ONCE / events)
    pipeline.database.execute(_HEADS)
    pipeline.database.execute(_ROWS)
    pipeline.database.execute("VACUUM (ANALYZE) events, heads, payment_intents")
    pipeline.database.execute("CHECKPOINT")  # else its pages were written while the turns are measured
    advance(0.1)
