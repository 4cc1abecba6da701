"""Payments as they were at an instant: by the events that Stripe had made by then, whenever they came."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from tests.events import NOW, event
from tests.payments import CHARGE, DISPUTE, INTENT, REFUND
from workers.observations import observation
from workers.rebuild import Rebuild

TRIED = INTENT | {"latest_charge": "ch_1", "last_payment_error": {"code": "card_declined"}}
PAID = INTENT | {
    "status": "succeeded",
    "amount_received": 1250,
    "latest_charge": "ch_2",
    "last_payment_error": None,
}
TAKEN = CHARGE | {"id": "ch_2", "payment_intent": "pi_1", "amount_refunded": 0, "created": NOW + 50}

HISTORY = [
    event("payment_intent.created", INTENT | {"last_payment_error": None}, created=NOW),
    event("payment_intent.payment_failed", TRIED, created=NOW + 10),
    event("charge.succeeded", TAKEN, created=NOW + 50),
    event("payment_intent.succeeded", PAID, created=NOW + 50),
    event("charge.refunded", TAKEN | {"amount_refunded": 250}, created=NOW + 100),
    event("charge.dispute.created", DISPUTE | {"charge": "ch_2", "created": NOW + 200}, created=NOW + 200),
    event("charge.dispute.closed", DISPUTE | {"charge": "ch_2", "status": "lost", "created": NOW + 200},
          created=NOW + 300),
]  # fmt: skip


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


@pytest.fixture
def as_of(pipeline, database):
    """`as_of(seconds)`: the one payment so long after NOW, or None."""

    def row(seconds: int) -> dict[str, Any] | None:
        pipeline.run()
        found = database.execute("SELECT * FROM payments_as_of(%s)", [at(seconds)]).fetchall()
        assert len(found) < 2
        return found[0] if found else None

    return row


def story(as_of: Any) -> list[Any]:
    names = ("status", "charge_id", "amount_captured", "amount_refunded", "dispute_status", "amount_lost")
    seconds = (-1, 0, 9, 10, 49, 50, 99, 100, 200, 300)
    return [
        (second, row and tuple(row[name] for name in names)) for second in seconds for row in [as_of(second)]
    ]


EXPECTED = [
    (-1, None),
    (0, ("requires_payment_method", None, 0, 0, None, 0)),
    (9, ("requires_payment_method", None, 0, 0, None, 0)),
    (10, ("requires_payment_method", "ch_1", None, None, None, 0)),
    (49, ("requires_payment_method", "ch_1", None, None, None, 0)),
    (50, ("succeeded", "ch_2", 1250, 0, None, 0)),
    (99, ("succeeded", "ch_2", 1250, 0, None, 0)),
    (100, ("succeeded", "ch_2", 1250, 250, None, 0)),
    (200, ("succeeded", "ch_2", 1250, 250, "needs_response", 0)),
    (300, ("succeeded", "ch_2", 1250, 250, "lost", 1250)),
]


@pytest.mark.parametrize("batches", ["at once", "one by one", "backwards"])
def test_a_payment_is_told_as_it_was_at_each_instant(pipeline, as_of, batches):
    if batches == "at once":
        pipeline.deliver(*HISTORY)
    else:
        for each in HISTORY if batches == "one by one" else reversed(HISTORY):
            pipeline.deliver(each)
            pipeline.run()
    assert story(as_of) == EXPECTED


def test_a_refund_that_failed_gave_nothing_back_from_then_on(pipeline, as_of, database):
    refund = REFUND | {"charge": "ch_2", "created": NOW + 100}
    pipeline.deliver(
        *HISTORY[:5],
        event("refund.created", refund, created=NOW + 100),
        event("refund.failed", refund | {"status": "failed"}, created=NOW + 150),
    )
    assert [as_of(second)["amount_refunded"] for second in (99, 100, 149, 150)] == [0, 250, 250, 0]
    [row] = database.execute("SELECT amount_refunded FROM payments").fetchall()
    assert row["amount_refunded"] == 0


def test_what_comes_late_counts_from_when_stripe_made_it(pipeline, as_of):
    late = HISTORY[1]
    pipeline.deliver(*(each for each in HISTORY if each is not late))
    pipeline.run()
    assert as_of(20)["charge_id"] is None
    pipeline.deliver(late)
    assert story(as_of) == EXPECTED


STEPS = [
    INTENT | {"last_payment_error": None, "status": status} for status in ("requires_action", "processing")
]
SECOND = [
    event("payment_intent.created", INTENT | {"last_payment_error": None, "status": "requires_confirmation"}),
    event(
        "payment_intent.requires_action",
        STEPS[0],
        created=NOW + 5,
        previous={"status": "requires_confirmation"},
    ),
    event("payment_intent.processing", STEPS[1], created=NOW + 5, previous={"status": "requires_action"}),
]


@pytest.mark.parametrize("events", list(permutations(SECOND)))
def test_within_a_second_the_causal_order_decides(pipeline, as_of, events):
    for each in events:
        pipeline.deliver(each)
        pipeline.run()
    assert as_of(5)["status"] == "processing"


def test_a_final_state_is_not_left_whatever_the_clock_says(pipeline, as_of):
    pipeline.deliver(
        event("payment_intent.succeeded", PAID, created=NOW),
        event("payment_intent.created", INTENT, created=NOW + 1),
    )
    assert [as_of(second)["status"] for second in (0, 1, 2)] == ["succeeded"] * 3


def test_now_it_is_what_the_table_says(pipeline, database, as_of):
    pipeline.deliver(*HISTORY)
    pipeline.run()
    columns = "id, status, amount, charge_id, amount_captured, amount_refunded, amount_lost, dispute_status"
    past = database.execute(f"SELECT {columns} FROM payments_as_of('2100-01-01')").fetchall()
    assert past == database.execute(f"SELECT {columns} FROM payments").fetchall()


def test_an_indigestible_event_hides_nothing_but_itself(pipeline, as_of, database):
    bad = event("payment_intent.payment_failed", TRIED | {"amount": "much"}, created=NOW + 20)
    pipeline.deliver(HISTORY[0])
    pipeline.run()
    pipeline.deliver(bad)
    pipeline.run()
    pipeline.deliver(*HISTORY[2:4])
    assert [(as_of(second)["status"], as_of(second)["stale"]) for second in (20, 50)] == [
        ("requires_payment_method", True),
        ("succeeded", True),
    ]


def test_what_is_added_event_by_event_is_what_a_rebuild_makes_of_them_beside_an_observation(pipeline):
    """It shows what was refunded after the second that it is dated by."""
    described = TAKEN | {"description": "two nights"}
    seen = observation("job_1", described | {"amount_refunded": 500}, read_at=at(60))
    pipeline.deliver(event("charge.succeeded", TAKEN, created=NOW + 50))
    pipeline.run()
    pipeline.deliver(
        event("charge.updated", described, created=NOW + 60, previous={"description": None}), seen
    )
    pipeline.run()
    pipeline.deliver(
        *(
            event(
                "charge.refunded",
                described | {"amount_refunded": amount},
                created=NOW + 61,
                previous={"amount_refunded": amount - 250},
            )
            for amount in (250, 500)
        )
    )
    pipeline.run()
    rebuild = Rebuild(pipeline.settings, ["payment_versions"])
    for _ in rebuild.run():
        pass
    assert {0} == set(rebuild.differences.values())
