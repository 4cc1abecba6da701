"""What a projection cannot digest is set aside with its reason, and nothing else waits for it."""

from random import Random
from typing import Any

import pytest

from tests import billing_objects
from tests.events import NOW, customer, event, intent
from tests.pipeline import Pipeline
from workers.dead_letters import retry
from workers.rebuild import Rebuild

GOOD = event("payment_intent.created", intent(amount=700))
HUGE = 2**63  # what the database refuses, and no fold
SECRET = "what the buyer wrote"


def poison(created: int = NOW + 10, **fields: Any) -> dict[str, Any]:
    """An event whose object lacks what a row must have."""
    return event("payment_intent.processing", intent("processing", **fields), created=created)


def letters(pipeline: Pipeline) -> list[dict[str, Any]]:
    """But for those of the versions of payments, which cannot digest the same events."""
    return [each for each in pipeline.rows("dead_letters") if each["projection"] != "payment_versions"]


@pytest.mark.parametrize("fields", [{"amount": SECRET}, {"amount": HUGE}, {"currency": None}])
def test_the_row_shows_the_newest_digestible_event_and_says_that_it_is_stale(
    pipeline: Pipeline, fields: dict[str, Any]
) -> None:
    bad = poison(**fields)
    pipeline.deliver(GOOD, bad, event("customer.created", customer()))
    pipeline.run()
    [row], [letter] = pipeline.rows("payment_intents"), letters(pipeline)
    assert (700, "requires_payment_method", True) == (row["amount"], row["status"], row["stale"])
    assert ("payment_intents", "pi_1", bad["id"]) == (
        letter["projection"],
        letter["object_id"],
        letter["event_id"],
    )
    assert SECRET not in letter["reason"]
    assert str(HUGE) not in letter["reason"]
    assert ["Ada"] == [row["name"] for row in pipeline.rows("customers")]
    assert 3 == len(pipeline.rows("events"))


@pytest.mark.parametrize("fields", [{"amount": SECRET}, {"amount": HUGE}])
def test_an_object_with_no_digestible_event_has_no_row_and_a_letter(
    pipeline: Pipeline, fields: dict[str, Any]
) -> None:
    pipeline.deliver(poison(**fields))
    pipeline.run()
    assert [] == pipeline.rows("payment_intents")
    assert 1 == len(letters(pipeline))


def test_a_digestible_head_removes_the_letter(pipeline: Pipeline) -> None:
    pipeline.deliver(GOOD, poison(amount=SECRET))
    pipeline.run()
    pipeline.deliver(event("payment_intent.succeeded", intent("succeeded"), created=NOW + 20))
    pipeline.run()
    assert [] == letters(pipeline)
    assert [("succeeded", False)] == [
        (row["status"], row["stale"]) for row in pipeline.rows("payment_intents")
    ]


def test_a_late_digestible_event_is_shown_though_the_head_stays_dead(pipeline: Pipeline) -> None:
    pipeline.deliver(poison(amount=SECRET))
    pipeline.run()
    pipeline.deliver(GOOD)
    pipeline.run()
    assert [(700, True)] == [(row["amount"], row["stale"]) for row in pipeline.rows("payment_intents")]
    assert 1 == len(letters(pipeline))


def test_among_many_the_database_refuses_only_the_poisonous(pipeline: Pipeline) -> None:
    crowd = [event("payment_intent.created", intent(id=f"pi_{n}")) for n in range(50)]
    pipeline.deliver(*crowd[:20], poison(id="pi_x", amount=HUGE), *crowd[20:])
    pipeline.run()
    assert {f"pi_{n}" for n in range(50)} == {row["id"] for row in pipeline.rows("payment_intents")}
    assert ["pi_x"] == [letter["object_id"] for letter in letters(pipeline)]


def test_what_the_database_refuses_again_and_again_costs_no_other_event_and_counts_as_no_attempt(
    pipeline: Pipeline,
) -> None:
    for n in range(8):  # more often than a statement is sent before it is prepared
        crowd = [event("payment_intent.created", intent(id=f"pi_{n}_{each}")) for each in range(5)]
        pipeline.deliver(*crowd, poison(id=f"pi_x{n}", amount=HUGE))
        assert 6 == pipeline.run()
    assert 40 == len(pipeline.rows("payment_intents"))
    assert {f"pi_x{n}" for n in range(8)} == {letter["object_id"] for letter in letters(pipeline)}
    keys = [pipeline.log.keys.attempts(each) for each in range(pipeline.settings.log_partitions)]
    assert 0 == pipeline.redis.exists(*keys)


def test_a_retry_that_cannot_help_leaves_the_letter(pipeline: Pipeline) -> None:
    pipeline.deliver(GOOD, poison(amount=SECRET))
    pipeline.run()
    before = pipeline.tables()
    assert {False} == {gone for _, gone in retry(pipeline.settings)}
    assert before == pipeline.tables()


def test_a_retry_after_the_cause_is_mended_removes_the_letter(pipeline: Pipeline) -> None:
    """The letter is one that an earlier release wrote, whose fold could not read the newest event."""
    newest = poison(amount=900)
    pipeline.deliver(GOOD)
    pipeline.run()
    now = pipeline.tables()
    pipeline.deliver(newest)
    pipeline.run()
    after = pipeline.tables()
    assert now != after
    pipeline.database.execute("UPDATE payment_intents SET amount = 700, stale = true")
    pipeline.database.execute(
        "INSERT INTO dead_letters (account, livemode, object, object_id, projection, event_id, reason)"
        " VALUES ('default', false, 'payment_intent', 'pi_1', 'payment_intents', %s, 'KeyError')",
        [newest["id"]],
    )
    assert [True] == [gone for _, gone in retry(pipeline.settings, "pi_1")]
    assert after == pipeline.tables()


def test_a_rebuild_writes_the_same_letters(pipeline: Pipeline) -> None:
    pipeline.deliver(GOOD, poison(amount=SECRET), poison(id="pi_2", amount=HUGE))
    pipeline.run()
    before = pipeline.tables()
    rebuild = Rebuild(pipeline.settings)
    list(rebuild.run())
    assert {0} == set(rebuild.differences.values())
    assert before == pipeline.tables()


def test_a_bad_event_in_the_middle_hides_nothing_that_came_after_it(pipeline: Pipeline) -> None:
    created = billing_objects.subscription(billing_objects.item(), id="sub_1", status="active")
    nameless = created | {
        "items": {"object": "list", "data": [{"id": "si_1", "object": "subscription_item"}]}
    }
    gone = created | {"status": "canceled", "ended_at": NOW + 200, "canceled_at": NOW + 200}
    bad = event("customer.subscription.updated", nameless, created=NOW + 100)
    pipeline.deliver(
        event("customer.subscription.created", created),
        bad,
        event("customer.subscription.deleted", gone, created=NOW + 200),
    )
    pipeline.run()
    assert ["sub_1"] == [row["subscription_id"] for row in pipeline.rows("churn")]
    assert "cancelled" in {row["event_type"] for row in pipeline.rows("subscription_changes")}
    assert {bad["id"]} == {letter["event_id"] for letter in letters(pipeline)}


def test_a_row_that_no_index_takes_is_a_dead_letter(pipeline: Pipeline) -> None:
    no_index_takes_it = Random(0).randbytes(4000).hex()
    pipeline.deliver(poison(amount=1, customer=no_index_takes_it), event("customer.created", customer()))
    pipeline.run()
    assert ["pi_1"] == [letter["object_id"] for letter in letters(pipeline)]
    assert ["Ada"] == [row["name"] for row in pipeline.rows("customers")]
