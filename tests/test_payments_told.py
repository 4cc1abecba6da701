"""What the outbox is told of payments: a success once, and each failure before it."""

from itertools import permutations

import pytest

from ingest.settings import Callback
from tests.events import NOW, customer, event, intent
from tests.pipeline import Pipeline

CALLBACK = Callback(url="http://127.0.0.1:1/", secrets=("secret",))
DECLINED = {"code": "card_declined", "decline_code": "insufficient_funds", "type": "card_error"}
NAMED = {"metadata": {"user_id": "u_1", "source": "shop", "order_id": "1001"}}


def failed(charge="ch_1", at=NOW, **envelope):
    error = {**DECLINED, "charge": charge}
    subject = intent(last_payment_error=error, latest_charge=charge, **NAMED)
    return event("payment_intent.payment_failed", subject, created=at, **envelope)


def succeeded(kind="payment_intent.succeeded", at=NOW + 9):
    return event(kind, intent("succeeded", amount_received=1250, **NAMED), created=at)


@pytest.fixture
def telling(settings, database, redis):
    calling = settings.model_copy(update={"callbacks": {"default": CALLBACK}})
    pipeline = Pipeline(calling, database, redis)
    yield pipeline
    pipeline.close()


def causes(telling):
    return [row["cause"] for row in telling.database.execute("SELECT * FROM outbox ORDER BY due_at, id")]


def test_a_success_says_what_was_paid_and_for_whom(telling):
    telling.deliver(succeeded())
    telling.run()
    [row] = telling.rows("outbox")
    assert ("payment", "shop", "pi_1") == (row["kind"], row["origin"], row["object_id"])
    assert {
        "payment_intent_id": "pi_1",
        "outcome": "succeeded",
        "amount": 1250,
        "currency": "eur",
        "user_id": "u_1",
        "customer_id": None,
        "order_id": "1001",
        "plan_type": None,
        "subscription_id": None,
        "error_code": None,
        "decline_code": None,
    } == row["message"]


def test_a_failure_says_why(telling):
    telling.deliver(failed())
    telling.run()
    [row] = telling.rows("outbox")
    assert ("failed", "card_declined", "insufficient_funds") == tuple(
        row["message"][name] for name in ("outcome", "error_code", "decline_code")
    )


def test_one_batch_or_many_tell_the_same(telling):
    events = failed("ch_1"), failed("ch_2", NOW + 5), succeeded()
    telling.deliver(*events)
    telling.run()
    together = causes(telling)
    telling.forget()
    telling.database.execute("TRUNCATE outbox")
    for one in events:
        telling.deliver(one)
        telling.run()
    assert ["pi_1 failed ch_1", "pi_1 failed ch_2", "pi_1 succeeded"] == together == causes(telling)


def test_a_success_is_told_once_and_no_failure_after_it(telling):
    for order in permutations(range(4)):
        telling.forget()
        telling.database.execute("TRUNCATE outbox")
        events = [
            event("payment_intent.created", intent(**NAMED)),
            failed(at=NOW + 1),
            succeeded(),
            succeeded("payment_intent.observed"),
        ]
        for n in order:
            telling.deliver(events[n], events[n])
            telling.run()
        told = causes(telling)
        assert "pi_1 succeeded" == told[-1]
        assert len(set(told)) == len(told)


def test_two_events_of_one_failed_attempt_tell_it_once(telling):
    telling.deliver(failed(), failed())
    telling.run()
    assert ["pi_1 failed ch_1"] == causes(telling)


def test_an_attempt_without_a_charge_is_told_by_its_event(telling):
    without = failed(charge=None)
    telling.deliver(without)
    telling.run()
    assert [f"pi_1 failed {without['id']}"] == causes(telling)


def test_the_user_may_be_the_customers(telling):
    telling.deliver(event("customer.created", customer(metadata={"user_id": "u_7"})))
    telling.run()
    telling.deliver(event("payment_intent.succeeded", intent("succeeded", customer="cus_1")))
    telling.run()
    [row] = telling.rows("outbox")
    assert ("u_7", None) == (row["message"]["user_id"], row["origin"])


def test_an_odd_error_holds_up_nothing(telling):
    odd = event("payment_intent.payment_failed", intent(last_payment_error="declined", **NAMED))
    telling.deliver(odd, event("customer.created", customer()))
    telling.run()
    assert 1 == len(telling.rows("customers"))
