"""Balance transactions are asked for once they are named: by few calls, and where the key may see them."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from redis import Redis

from ingest.settings import Settings
from tests.observing import Observing, observing
from tests.stripe_names import coupon, of_customer, settle
from workers.database import Connection


@pytest.fixture
def stripe(settings: Settings, database: Connection, redis: Redis) -> Iterator[Observing]:
    with observing(settings, database, redis) as stripe:
        yield stripe


def test_a_charges_balance_transaction_is_fetched_once_it_is_known(stripe: Observing) -> None:
    charge = stripe.charge()
    stripe.drain()
    assert [] == stripe.lookups()
    moved = settle(stripe.double.account, charge, fee=66)
    stripe.drain()
    assert [("balance_transaction", moved["id"])] == stripe.lookups()
    stripe.look_up()
    [row] = stripe.pipeline.rows("balance_transactions")
    assert (moved["id"], charge["id"], 1250, 66, 1184) == tuple(
        row[name] for name in ("id", "source_id", "amount", "fee", "net")
    )
    stripe.double.account.change(charge, "charge.updated", metadata={"a": "b"})
    stripe.drain()
    assert [] == stripe.lookups()
    assert 1 == len(stripe.double.calls("balance_transactions"))


def test_many_are_found_by_few_calls(stripe: Observing) -> None:
    moved = [settle(stripe.double.account, stripe.charge()) for _ in range(230)]
    stripe.drain()
    stripe.look_up()
    assert {each["id"] for each in moved} == {
        row["id"] for row in stripe.pipeline.rows("balance_transactions")
    }
    assert 3 == len(stripe.double.calls("balance_transactions"))
    assert [] == stripe.lookups()


def test_what_a_list_does_not_have_is_asked_for_by_itself(stripe: Observing) -> None:
    account = stripe.double.account
    today, moved = account.clock, []
    for days in range(6):
        account.clock = lambda days=days: today() - 86_400 * (30 - days)  # type: ignore[misc]
        charge = stripe.charge()
        moved.append(settle(account, charge, told=False))
        account.clock = today
        account.change(charge, "charge.updated", metadata={"told": "late"})
    stripe.drain()
    stripe.look_up()
    assert 6 == len(stripe.pipeline.rows("balance_transactions"))
    assert 6 == len(stripe.double.calls("balance_transactions/txn"))


def test_what_stripe_does_not_know_is_not_asked_for_again(stripe: Observing) -> None:
    charge = stripe.charge()
    moved = settle(stripe.double.account, charge)
    del stripe.double.account.objects[moved["id"]]
    stripe.drain()
    assert 1 == stripe.look_up()
    [(problem, gone_at)] = stripe.lookups("problem", "gone_at")
    assert ("Stripe does not know it", True) == (problem, gone_at is not None)
    stripe.double.account.change(charge, "charge.updated", metadata={"a": "b"})
    stripe.drain()
    assert 0 == stripe.look_up()
    assert 1 == len(stripe.double.calls("balance_transactions"))


def test_the_object_of_a_connected_account_is_asked_for_there(stripe: Observing) -> None:
    theirs = stripe.double.connect("acct_theirs")
    intent = theirs.pay(theirs.create_payment_intent({"amount": "1250", "currency": "usd"}))
    settle(theirs, theirs.get(intent["latest_charge"]))
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.look_up()
    rows = stripe.pipeline.rows("balance_transactions")
    assert {"acct_theirs", "default"} == {row["account"] for row in rows}
    assert {"acct_theirs", None} == {call.account for call in stripe.double.calls("balance_transactions")}
    assert [] == stripe.lookups()


def test_a_live_key_asks_for_live_objects(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    of_customer(account, stripe.subscribe(), "HALF")
    settle(account, stripe.charge())
    for told in stripe.double.events:
        told["livemode"] = True
    stripe.drain()
    stripe.double.keys = {"sk_live_double"}
    stripe.due()
    with stripe.observer(stripe_secret_key=SecretStr("sk_live_double")) as observer:
        assert 2 == observer.run_once()
    stripe.drain()
    assert [] == stripe.lookups()
    assert [True] == [row["livemode"] for row in stripe.pipeline.rows("balance_transactions")]


def test_what_the_key_cannot_reach_waits(stripe: Observing) -> None:
    settle(stripe.double.account, stripe.charge())
    for told in stripe.double.events:
        told["livemode"] = True
    stripe.drain()
    assert 0 == stripe.look_up()
    assert ([], 1) == (stripe.double.requests, len(stripe.lookups()))


def test_refunds_and_disputes_name_theirs(stripe: Observing) -> None:
    account = stripe.double.account
    charge = stripe.charge()
    settle(account, charge)
    settle(account, account.refund({"charge": charge["id"], "amount": "500"}))
    moved = settle(account, charge, told=False)
    account.make(
        "dispute", "du", "charge.dispute.created", amount=1250, charge=charge["id"], currency="usd",
        status="needs_response", reason="fraudulent", balance_transactions=[moved],
    )  # fmt: skip
    stripe.drain()
    stripe.look_up()
    assert 3 == len(stripe.pipeline.rows("balance_transactions"))
