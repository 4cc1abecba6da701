"""What events only name is asked for at Stripe, once, and is in the tables as if it had always been told."""

from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from psycopg import OperationalError
from redis import Redis

from ingest.settings import Settings
from tests.observing import PRICE, Observing, observing
from tests.stripe_names import coupon, discount, invoice, of_customer, settle
from workers import look_up
from workers.database import Connection
from workers.lookup_seed import seed
from workers.rebuild import Rebuild

TIERS = [{"up_to": 5, "unit_amount": 700}, {"up_to": None, "unit_amount": 600}]


@pytest.fixture
def stripe(settings: Settings, database: Connection, redis: Redis) -> Iterator[Observing]:
    with observing(settings, database, redis) as stripe:
        yield stripe


# ------------------------------------------------------------------ subscriptions


def test_a_named_coupon_is_fetched_and_the_ledger_has_the_discount_from_the_start(stripe: Observing) -> None:
    coupon(stripe.double.account, "HALF", 50)
    discount(stripe.double.account, stripe.subscribe(), "HALF")
    stripe.drain()
    assert [("new", 20_00, True)] == stripe.ledger()
    before = stripe.pipeline.tables(["subscription_versions"])["subscription_versions"]
    stripe.look_up()
    assert [("new", 10_00, False)] == stripe.ledger()
    assert len(before) == len(stripe.pipeline.rows("subscription_versions"))
    assert [] == stripe.lookups()


def test_whichever_comes_first_the_tables_are_the_same(stripe: Observing) -> None:
    coupon(stripe.double.account, "HALF", 50)
    discount(stripe.double.account, stripe.subscribe(), "HALF")
    stripe.drain()
    stripe.look_up()
    tables = stripe.pipeline.tables()
    bodies = [row["payload"].encode() for row in stripe.pipeline.rows("events")]
    stripe.pipeline.forget()
    stripe.pipeline.deliver(*reversed(bodies))
    stripe.pipeline.run()
    assert tables == stripe.pipeline.tables()
    assert [] == stripe.lookups()


def test_a_rebuild_fetches_nothing_and_changes_nothing(stripe: Observing) -> None:
    coupon(stripe.double.account, "HALF", 50)
    discount(stripe.double.account, stripe.subscribe(), "HALF")
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.look_up()
    calls, tables = len(stripe.double.requests), stripe.pipeline.tables()
    stripe.database.execute("DELETE FROM subscription_versions")
    rebuild = Rebuild(stripe.settings, [])
    list(rebuild.run())
    assert tables == stripe.pipeline.tables()
    assert ([], calls) == (stripe.lookups(), len(stripe.double.requests))


def test_tiers_are_fetched(stripe: Observing) -> None:
    price = stripe.double.account.price("price_seats", 0)
    price |= {"billing_scheme": "tiered", "tiers_mode": "volume", "unit_amount": None, "tiers": TIERS}
    price["unit_amount_decimal"] = None
    seats = stripe.double.account.create_customer({})
    made = stripe.double.account.make(
        "subscription", "sub", None, **subscribed(price, seats["id"], quantity=2)
    )
    stripe.double.account.change(made, "customer.subscription.created")
    stripe.drain()
    assert [("new", 0, True)] == stripe.ledger()
    stripe.look_up()
    assert [("new", 14_00, False)] == stripe.ledger()


def subscribed(price: dict[str, object], customer: str, quantity: int) -> dict[str, object]:
    item = {
        "id": "si_1", "object": "subscription_item", "price": price, "quantity": quantity, "discounts": [],
        "created": 1_700_000_000, "metadata": {}, "current_period_start": 1_700_000_000,
        "current_period_end": 1_702_592_000,
    }  # fmt: skip
    return {
        "status": "active", "customer": customer, "currency": "usd", "discounts": [],
        "items": {"object": "list", "data": [item], "has_more": False}, "cancel_at_period_end": False,
    }  # fmt: skip


def test_items_past_the_tenth_are_fetched(stripe: Observing) -> None:
    account = stripe.double.account
    price = account.get(PRICE)
    fields = subscribed(price, account.create_customer({})["id"], quantity=1)
    [item] = fields["items"]["data"]  # type: ignore[index]
    fields["items"]["data"] = [item | {"id": f"si_{number}"} for number in range(12)]  # type: ignore[index]
    made = account.make("subscription", "sub", None, **fields)
    account.change(made, "customer.subscription.created")
    stripe.drain()
    assert [("new", 200_00, True)] == stripe.ledger()
    stripe.look_up()
    assert [("new", 240_00, False)] == stripe.ledger()
    assert 12 == len(stripe.pipeline.rows("subscription_items"))
    stripe.later()
    account.change(made, "customer.subscription.updated", metadata={"seen": "again"})
    stripe.drain()
    assert [("subscription", made["id"])] == stripe.lookups()
    stripe.look_up()
    assert [("new", 240_00, False)] == stripe.ledger()
    assert [] == stripe.lookups()


def test_a_discount_that_is_over_is_told_by_its_own_events(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    subscription = stripe.subscribe()
    off = discount(account, subscription, "HALF")
    account._tell("customer.discount.created", off, None)
    account.change(subscription, "customer.subscription.updated", discounts=[])
    stripe.drain()
    assert [["discount " + off["id"]]] == [names for (names,) in stripe.lookups("names")]
    stripe.look_up()
    assert not any(row["missing"] for row in stripe.pipeline.rows("subscription_versions"))
    assert [] == stripe.lookups()


def test_what_stripe_tells_without_is_not_asked_for_again(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    subscription = stripe.subscribe()
    discount(account, subscription, "HALF")
    account.change(subscription, "customer.subscription.updated", discounts=[])
    stripe.drain()
    stripe.look_up()
    [(problem, gone_at)] = stripe.lookups("problem", "gone_at")
    assert ("Stripe told it without what is missing", True) == (problem, gone_at is not None)
    account.change(subscription, "customer.subscription.updated", metadata={"a": "b"})
    stripe.drain()
    assert 0 == stripe.look_up()
    discount(account, subscription, "HALF")
    stripe.drain()
    assert 1 == stripe.look_up()


def test_a_deleted_coupon_is_told_as_its_discount_has_it(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    discount(account, stripe.subscribe(), "HALF")
    stripe.drain()
    stripe.double.fail("GET /v1/coupons/HALF", 404, "resource_missing", times=9)
    stripe.look_up()
    assert [("new", 10_00, False)] == stripe.ledger()


def test_a_coupon_that_took_over_the_id_is_not_mistaken_for_it(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    discount(account, stripe.subscribe(), "HALF")
    stripe.drain()
    coupon(account, "HALF", 10, created=account.clock() + 60)
    stripe.look_up()
    assert [["coupon HALF"]] == [names for (names,) in stripe.lookups("names")]
    stripe.look_up()
    assert [("new", 20_00, True)] == stripe.ledger()
    assert ["Stripe told it without what is missing"] == [problem for (problem,) in stripe.lookups("problem")]


def test_the_coupon_of_a_customers_discount_is_fetched(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    off = of_customer(account, stripe.subscribe(), "HALF")
    stripe.drain()
    assert [("new", 20_00, True)] == stripe.ledger()
    assert [("discount", off["id"], ["coupon HALF"])] == stripe.lookups("object", "object_id", "names")
    stripe.look_up()
    assert [("new", 10_00, False)] == stripe.ledger()
    assert [] == stripe.lookups()


def test_the_coupon_of_a_customers_discount_that_was_taken_back_is_fetched(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    off = of_customer(account, stripe.subscribe(), "HALF")
    stripe.later()
    account.change(off, "customer.discount.deleted")
    stripe.drain()
    stripe.look_up()
    assert [("new", 10_00, False), ("expansion", 10_00, False)] == stripe.ledger()
    assert [] == stripe.lookups()


def test_each_coupon_that_a_discount_had_is_fetched(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    coupon(account, "LESS", 10)
    off = of_customer(account, stripe.subscribe(), "HALF")
    stripe.later()
    account.change(off, "customer.discount.updated", source={"type": "coupon", "coupon": "LESS"})
    stripe.drain()
    assert [["coupon HALF", "coupon LESS"]] == [names for (names,) in stripe.lookups("names")]
    assert [1, 1, 0] == [stripe.look_up(), stripe.look_up(), stripe.look_up()]
    assert [("new", 10_00, False), ("expansion", 8_00, False)] == stripe.ledger()
    assert [] == stripe.lookups()


# ------------------------------------------------------------------ invoices


def test_lines_past_the_tenth_are_fetched(stripe: Observing) -> None:
    made = invoice(stripe.double.account, 230)
    stripe.drain()
    assert 10 == len(stripe.pipeline.rows("invoice_lines"))
    stripe.look_up()
    [row] = stripe.pipeline.rows("invoices")
    assert (True, 230) == (row["lines_complete"], len(stripe.pipeline.rows("invoice_lines")))
    stripe.double.account.change(made, "invoice.updated", status="paid")
    stripe.drain()
    assert [("invoice", made["id"])] == stripe.lookups()


def test_what_has_more_lines_than_are_taken_is_asked_for_once(
    stripe: Observing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_up, "MOST_PAGES", 1)
    invoice(stripe.double.account, 230)
    stripe.drain()
    assert [1, 0] == [stripe.look_up(), stripe.look_up()]
    [row] = stripe.pipeline.rows("invoices")
    assert (False, 100) == (row["lines_complete"], len(stripe.pipeline.rows("invoice_lines")))
    assert ["Stripe told it without what is missing"] == [problem for (problem,) in stripe.lookups("problem")]


# ------------------------------------------------------------------ a database from before


def test_what_the_tables_named_before_there_were_lookups_is_wanted_once(stripe: Observing) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    discount(account, stripe.subscribe(), "HALF")
    charge = stripe.charge()
    settle(account, charge)
    settle(account, account.refund({"charge": charge["id"], "amount": "500"}))
    invoice(account, 12)
    stripe.drain()
    stripe.database.execute("TRUNCATE lookups")
    stripe.database.execute("UPDATE subscription_versions SET missing = '[]'")
    assert seed(stripe.database)
    assert ["balance_transaction", "balance_transaction", "invoice", "subscription"] == [
        kind for (kind,) in stripe.lookups("object")
    ]
    while stripe.look_up():
        pass
    assert [] == stripe.lookups()
    assert [("new", 10_00, False)] == stripe.ledger()
    assert not seed(stripe.database)


def test_that_is_wanted_also_where_the_database_was_away_at_first(
    stripe: Observing, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.database.execute("TRUNCATE lookups")
    with stripe.observer() as observer:
        with monkeypatch.context() as away:
            away.setattr("workers.observer.dial", Mock(side_effect=OperationalError))
            with pytest.raises(OperationalError):
                observer.run_once()
        observer.run_once()
        assert ["balance_transaction"] == [kind for (kind,) in stripe.lookups("object")]
