"""Lookups are asked for once by however many, and again whatever fails: an outage, a key, the log."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from pydantic import SecretStr
from redis import Redis

from ingest.settings import Settings
from tests.observing import Observing, observing
from tests.pipeline import Pipeline
from tests.stripe_names import coupon, discount, invoice, settle
from workers.database import Connection


@pytest.fixture
def stripe(settings: Settings, database: Connection, redis: Redis) -> Iterator[Observing]:
    with observing(settings, database, redis) as stripe:
        yield stripe


def test_two_drains_at_once_want_one_thing_once(stripe: Observing) -> None:
    account = stripe.double.account
    charges = [stripe.charge() for _ in range(20)]
    for charge in charges:
        refund = account.refund({"charge": charge["id"], "amount": "100"})
        moved = settle(account, charge)
        account.change(refund, "refund.updated", balance_transaction=moved["id"])
    stripe.pipeline.deliver(*stripe.double.events)
    barrier = Barrier(2)

    def drain(_: int) -> int:
        pipeline = Pipeline(stripe.settings, stripe.database, stripe.redis)
        with pipeline.drain as running:
            barrier.wait()
            return running.run(workers=2)

    with ThreadPoolExecutor(2) as pool:
        assert len(stripe.double.events) == sum(pool.map(drain, range(2)))
    assert 20 == len(stripe.lookups())
    stripe.look_up()
    assert (20, []) == (len(stripe.pipeline.rows("balance_transactions")), stripe.lookups())


def test_two_observers_at_once_ask_once(stripe: Observing) -> None:
    for _ in range(3):
        settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.due()
    barrier = Barrier(2)

    def ask(_: int) -> int:
        with stripe.observer() as observer:
            barrier.wait()
            return observer.run_once()

    with ThreadPoolExecutor(2) as pool:
        assert 3 == sum(pool.map(ask, range(2)))
    assert 3 == len(stripe.double.calls("balance_transactions"))


@pytest.mark.parametrize(
    "fault",
    [{}, {"status": 500}, {"status": 429, "code": "lock_timeout"}, {"status": 503, "text": "<html>"}],
    ids=["cut", "500", "429", "a proxy's answer"],
)
@pytest.mark.parametrize("many", [1, 8])
def test_what_fails_is_tried_again(stripe: Observing, fault: dict[str, object], many: int) -> None:
    for _ in range(many):
        settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.double.fail("GET", **fault)  # type: ignore[arg-type]
    assert 0 == stripe.look_up()
    assert all(problem and not gone for problem, gone in stripe.lookups("problem", "gone_at"))
    assert many == stripe.look_up()
    assert (many, []) == (len(stripe.pipeline.rows("balance_transactions")), stripe.lookups())


def test_an_outage_is_not_hammered(stripe: Observing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.observer.monotonic", lambda: 1000.0)
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.double.fail("GET", 503, times=100)
    with stripe.observer() as observer:
        for _ in range(5):
            stripe.ask(observer)
    assert 1 == len(stripe.double.calls("GET"))


@pytest.mark.parametrize("refused", [False, True])
def test_during_an_outage_one_call_is_enough_for_all_kinds(stripe: Observing, refused: bool) -> None:
    account = stripe.double.account
    coupon(account, "HALF", 50)
    discount(account, stripe.subscribe(), "HALF")
    settle(account, stripe.charge())
    invoice(account, 12)
    stripe.drain()
    assert 3 == len(stripe.lookups())
    if refused:
        stripe.double.keys.clear()
    else:
        stripe.double.fail("GET", 503, times=100)
    assert 0 == stripe.look_up()
    assert 1 == len(stripe.double.calls("GET"))
    tried = [attempts for (attempts,) in stripe.lookups("attempts")]
    assert (0 if refused else 1) == sum(tried)


def test_what_another_accounts_key_did_not_know_is_asked_for_by_the_next_key(stripe: Observing) -> None:
    moved = settle(stripe.double.account, stripe.charge())
    known = stripe.double.account.objects.pop(moved["id"])
    stripe.drain()
    assert [1, 0] == [stripe.look_up(), stripe.look_up()]
    stripe.double.account.objects[moved["id"]] = known
    assert 0 == stripe.look_up()
    stripe.double.keys.add("sk_test_right")
    with stripe.observer(stripe_secret_key=SecretStr("sk_test_right")) as observer:
        assert 1 == stripe.ask(observer)
    stripe.drain()
    assert (1, []) == (len(stripe.pipeline.rows("balance_transactions")), stripe.lookups())


def test_with_a_key_that_is_refused_nothing_is_burnt(stripe: Observing) -> None:
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.double.keys.clear()
    assert [0, 0] == [stripe.look_up(), stripe.look_up()]
    assert 1 == len(stripe.double.calls("GET"))
    assert [(0, None)] == stripe.lookups("attempts", "problem")
    stripe.double.keys.add("sk_test_double")
    stripe.redis.delete(f"{{{stripe.settings.log_prefix}:creators}}:paused:trial")
    assert 1 == stripe.look_up()
    assert [] == stripe.lookups()


def test_an_account_that_the_key_may_not_read_holds_up_no_other(stripe: Observing) -> None:
    theirs = stripe.double.connect("acct_theirs")
    intent = theirs.pay(theirs.create_payment_intent({"amount": "1250", "currency": "usd"}))
    settle(theirs, theirs.get(intent["latest_charge"]))
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.double.connected.clear()
    assert 1 == stripe.look_up()
    assert [("acct_theirs", "The key may not do this (account_invalid)")] == stripe.lookups(
        "account", "problem"
    )


def test_what_never_comes_through_the_log_is_asked_for_again(stripe: Observing) -> None:
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    assert 1 == stripe.ask()
    for key in stripe.redis.scan_iter(f"*{stripe.settings.log_prefix}*:log"):
        stripe.redis.delete(key)  # the log is lost, and not what it remembers of duplicates
    assert 1 == len(stripe.lookups())
    stripe.pipeline.run()
    assert 1 == stripe.look_up()
    assert (1, []) == (len(stripe.pipeline.rows("balance_transactions")), stripe.lookups())


def test_a_full_log_puts_it_off(stripe: Observing) -> None:
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    with stripe.observer(log_max_bytes=1) as observer:
        assert 0 == stripe.ask(observer)
    assert [("the log is full", None)] == stripe.lookups("problem", "gone_at")
    assert 1 == stripe.look_up()
