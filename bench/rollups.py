"""Whether rollups answer faster than rows: twelve months of additive figures, by month and currency."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bench.figures import Figure, Observation, ratio
from bench.filling import fill_payments
from bench.pipeline import Pipeline
from bench.rig import Advance, Broken, Rig
from bench.scale import Scale

SINCE, UNTIL = datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)

_FIGURES = """
SELECT period_start, currency, payments, attempted, succeeded, failed, attempts, successful_attempts,
    paid_charges,
    gross, refunded, disputed, net, payment_success_rate, authorization_rate, refund_rate
FROM payment_metrics(%(since)s, %(until)s, 'month')
"""
# The same from the rows, asked as one would without rollups: two scans, and each dispute joined once.
_ROWS = """
WITH intents AS (
    SELECT date_trunc('month', created_at, 'UTC') AS month, currency, count(*) AS payments,
        count(*) FILTER (WHERE tried) AS attempted, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE tried AND (
            status IN ('requires_payment_method', 'requires_confirmation', 'requires_action')
            OR status = 'canceled' AND last_error_code IS NOT NULL
        )) AS failed
    FROM (
        SELECT *, latest_charge_id IS NOT NULL OR last_error_code IS NOT NULL
            OR status IN ('succeeded', 'processing', 'requires_capture') AS tried
        FROM payment_intents WHERE livemode AND created_at >= %(since)s AND created_at < %(until)s
    ) AS intent
    GROUP BY 1, 2
), paid AS (
    SELECT date_trunc('month', created_at, 'UTC') AS month, currency, count(*) AS attempts,
        count(*) FILTER (WHERE status = 'succeeded') AS successful_attempts,
        count(*) FILTER (WHERE paid AND amount_captured > 0) AS paid_charges,
        sum(amount_captured) AS gross, sum(given_back) AS refunded, coalesce(sum(lost), 0) AS disputed,
        count(*) FILTER (WHERE asked AND network_status = 'approved_by_network') AS authorized,
        count(*) FILTER (WHERE asked) AS card_attempts,
        count(*) FILTER (WHERE given_back > 0) AS refunded_charges
    FROM (
        SELECT charges.*,
            amount_refunded AS given_back,
            payment_method_type = 'card' AND outcome_type <> 'blocked'
                AND network_status <> 'not_sent_to_network' AS asked,
            dispute.lost
        FROM charges
        LEFT JOIN (
            SELECT account, livemode, charge_id, sum(amount) FILTER (WHERE NOT won) AS lost
            FROM disputes GROUP BY account, livemode, charge_id
        ) AS dispute
            ON dispute.account = charges.account AND dispute.livemode = charges.livemode
            AND dispute.charge_id = charges.id
        WHERE charges.livemode AND created_at >= %(since)s AND created_at < %(until)s
    ) AS charge
    GROUP BY 1, 2
)
SELECT month, currency, payments, attempted, succeeded, failed, attempts, successful_attempts, paid_charges,
    gross::bigint, refunded::bigint, disputed::bigint, (gross - refunded - disputed)::bigint,
    succeeded::numeric / attempted, authorized::numeric / card_attempts,
    refunded_charges::numeric / paid_charges
FROM intents JOIN paid USING (month, currency) ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Rollups:
    """Seconds, a turn each, that the same figures took from the rows and by the rollups."""

    rows: list[float]
    rolled_up: list[float]
    payments: int

    @property
    def figures(self) -> list[Figure]:
        return [
            Figure("figures from rows ÷ by rollups", ratio(self.rows, self.rolled_up), "ratio", at_least=50)
        ]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("payments of those twelve months", self.payments, "payments"),
            Observation("figures from the rows, median", round(median(self.rows) * 1000, 1), "ms"),
            Observation("figures by the rollups, median", round(median(self.rolled_up) * 1000, 1), "ms"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> Rollups:
    """Both in turn, on one database. Raises Broken where they differ."""
    with Pipeline.on(rig, "rollups") as pipeline:
        database = pipeline.database
        fill_payments(
            database,
            scale.rolled_up_payments,
            until=UNTIL,
            days=(UNTIL - SINCE).days,
            splits=("none",),
            advance=lambda part: advance(0.9 * part),
        )
        database.execute("SET max_parallel_workers_per_gather = 0")  # both on one core
        rows, rolled_up = [], []
        for _ in range(scale.rolled_up_turns):
            from_rows, seconds = _timed(database, _ROWS)
            rows.append(seconds)
            by_rollups, seconds = _timed(database, _FIGURES)
            rolled_up.append(seconds)
            if from_rows != by_rollups:
                raise Broken("the rollups tell other figures than the rows")
            advance(0.1 / scale.rolled_up_turns)
    return Rollups(rows, rolled_up, scale.rolled_up_payments)


def _timed(database: Any, query: str) -> tuple[list[Any], float]:
    began = time.perf_counter()
    found = database.execute(query, {"since": SINCE, "until": UNTIL}).fetchall()
    return found, time.perf_counter() - began
