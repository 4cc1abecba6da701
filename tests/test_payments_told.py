"""What the outbox is told of payments: a success once, and each failure before it."""

import json
from itertools import permutations
from threading import Thread

import pytest

from ingest.settings import Callback
from tests import billing_objects as billing
from tests.events import NOW, customer, event, intent
from tests.pipeline import Pipeline
from workers.drain import Drain

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


# ------------------------------------------------------------------ whose it is comes later

OWN = Callback(url="http://127.0.0.1:2/", secrets=("secret",))
OF_A_SUBSCRIPTION = {"customer": "cus_1", "amount_received": 2000, "amount": 2000}


@pytest.fixture
def platform(settings, database, redis):
    """Only the platform has a callback."""
    calling = settings.model_copy(update={"callbacks": {"platform": OWN}})
    pipeline = Pipeline(calling, database, redis)
    yield pipeline
    pipeline.close()


def renewal():
    """What Stripe tells of a renewal that failed at first, each object naming the next one."""
    made = billing.subscription(billing.item(), metadata={"user_id": "u_1", "source": "platform"})
    error = {**DECLINED, "charge": "ch_1"}
    declined = intent(last_payment_error=error, latest_charge="ch_1", **OF_A_SUBSCRIPTION)
    link = {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        "status": "paid",
        "currency": "usd",
        "amount_requested": 2000,
        "amount_paid": 2000,
        "created": NOW,
    }
    return [
        event("payment_intent.payment_failed", declined, created=NOW + 1),
        event("payment_intent.succeeded", intent("succeeded", **OF_A_SUBSCRIPTION), created=NOW + 9),
        event("customer.subscription.created", made),
        event("invoice.paid", billing.invoice(billing.line(), id="in_1", customer="cus_1"), created=NOW + 9),
        event("invoice_payment.paid", link, created=NOW + 9),
    ]


def forget(pipeline):
    pipeline.forget()
    pipeline.database.execute("TRUNCATE outbox, unaddressed_payments")


def told(pipeline):
    rows = pipeline.database.execute("SELECT * FROM outbox WHERE kind = 'payment' ORDER BY due_at, id")
    return [(row["cause"], row["origin"], row["message"]["user_id"]) for row in rows]


def test_whose_a_payment_is_may_come_last_and_in_any_order(platform):
    for order in list(permutations(range(5)))[::7]:
        forget(platform)
        events = renewal()
        for n in order:
            platform.deliver(events[n], events[n])
            platform.run()
        causes = [cause for cause, *_ in told(platform)]
        assert "pi_1 succeeded" == causes[-1], order
        assert len(set(causes)) == len(causes)
        assert {("platform", "u_1")} == {whose for _, *rest in told(platform) for whose in [tuple(rest)]}
        assert [] == platform.rows("unaddressed_payments")


def test_a_client_with_a_callback_of_its_own_hears_of_it_although_all_was_told_to_another(
    settings, database, redis
):
    both = settings.model_copy(update={"callbacks": {"default": CALLBACK, "platform": OWN}})
    pipeline = Pipeline(both, database, redis)
    events = renewal()[1:]
    pipeline.deliver(*events[:1])
    pipeline.run()
    assert [("pi_1 succeeded", None, None)] == told(pipeline)
    pipeline.deliver(*events[1:])
    pipeline.run()
    pipeline.close()
    assert [("pi_1 succeeded", None, None), ("pi_1 succeeded", "platform", "u_1")] == told(pipeline)


def test_where_all_is_told_to_one_nothing_is_told_twice(telling):
    for one in renewal()[1:]:
        telling.deliver(one)
        telling.run()
    assert [("pi_1 succeeded", None, None)] == told(telling)
    assert [] == telling.rows("unaddressed_payments")


def test_a_payment_is_of_the_client_whose_customer_paid_it(platform):
    whose = customer(metadata={"user_id": "u_1", "source": "platform"})
    paid = event("payment_intent.succeeded", intent("succeeded", **OF_A_SUBSCRIPTION), created=NOW + 9)
    for events in permutations([event("customer.created", whose), paid]):
        forget(platform)
        for one in events:
            platform.deliver(one)
            platform.run()
        assert [("pi_1 succeeded", "platform", "u_1")] == told(platform)


def test_what_nobody_claims_is_kept_for_as_long_as_a_message_is_tried(platform):
    platform.deliver(event("payment_intent.succeeded", intent("succeeded")))
    platform.run()
    assert ["pi_1 succeeded"] == [row["cause"] for row in platform.rows("unaddressed_payments")]
    platform.database.execute("UPDATE unaddressed_payments SET kept_at = kept_at - interval '3 days'")
    platform.deliver(event("customer.created", customer()))
    platform.run()
    assert [] == platform.rows("unaddressed_payments") == told(platform)


def test_four_drains_at_once_lose_no_payment_and_tell_none_twice(platform):
    count = 30
    for n in range(count):
        for one in renewal()[1:]:
            body = json.dumps(one)
            for name in ("pi_1", "sub_1", "in_1", "inpay_1", "cus_1", "u_1"):
                body = body.replace(f'"{name}"', f'"{name}_{n}"')
            platform.deliver(body.encode())
    drains = [Drain(platform.settings.model_copy(update={"drain_batch": 4})) for _ in range(4)]
    threads = [Thread(target=drain.run, kwargs={"workers": 4}) for drain in drains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for drain in drains:
        drain.close()
    platform.run()
    assert [f"pi_1_{n} succeeded" for n in range(count)] == sorted(
        (cause for cause, *_ in told(platform)), key=lambda cause: int(cause.split()[0].rpartition("_")[2])
    )
