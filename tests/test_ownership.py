"""A source acts on what it asked for, and on what none of the sources did: never on another's."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from ingest.job import Job
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators, without_database
from tests.stripe_account import Shape


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


def payment(shop: Creators, source: str | None, capture_method: str = "automatic", **given: str) -> Shape:
    """One that a source made, or that was made elsewhere, paid."""
    metadata = {} if source is None else {"source": source}
    asked = {"amount": "1250", "currency": "eur", "metadata": metadata, "capture_method": capture_method}
    account = shop.double.account
    return account.pay(account.create_payment_intent(asked | given))


def subscription(shop: Creators, source: str | None) -> Shape:
    account = shop.double.account
    customer = account.create_customer({})
    metadata = {} if source is None else {"source": source}
    made = account.create_subscription(
        {"customer": customer["id"], "items": [{"price": "price_pro_month"}], "metadata": metadata}
    )
    return account.become(made, "active")


def customer(shop: Creators, source: str | None) -> Shape:
    return shop.double.account.create_customer({"metadata": {} if source is None else {"source": source}})


Act = Callable[[Creators, str | None], Job]


def act(shop: Creators, kind: str, **command: object) -> Job:
    """As the shop."""
    return shop.perform(shop.ask(kind, "shop", **command))


def capture(shop: Creators, owner: str | None) -> Job:
    return act(shop, "capture_payment_intent", payment_intent=payment(shop, owner, "manual")["id"])


def cancel(shop: Creators, owner: str | None) -> Job:
    return act(shop, "cancel_payment_intent", payment_intent=payment(shop, owner, "manual")["id"])


def refund(shop: Creators, owner: str | None) -> Job:
    return act(shop, "create_refund", payment_intent=payment(shop, owner)["id"])


def refund_of_a_charge(shop: Creators, owner: str | None) -> Job:
    return act(shop, "create_refund", charge=payment(shop, owner)["latest_charge"])


def refund_of_what_a_subscription_collected(shop: Creators, owner: str | None) -> Job:
    paid = payment(shop, None, customer=customer(shop, owner)["id"])
    return act(shop, "create_refund", payment_intent=paid["id"])


def change(shop: Creators, owner: str | None) -> Job:
    named = {"subscription": subscription(shop, owner)["id"], "price_id": "price_basic_month"}
    return act(shop, "change_subscription", **named, proration="none")


def end(shop: Creators, owner: str | None) -> Job:
    return act(shop, "cancel_subscription", subscription=subscription(shop, owner)["id"], at_period_end=False)


def resume(shop: Creators, owner: str | None) -> Job:
    return act(shop, "resume_subscription", subscription=subscription(shop, owner)["id"])


def pay_as_a_customer(shop: Creators, owner: str | None) -> Job:
    named = {"customer_id": customer(shop, owner)["id"]}
    return act(shop, "create_payment_intent", amount=100, currency="eur", **named)


def subscribe_a_customer(shop: Creators, owner: str | None) -> Job:
    named = {"customer_id": customer(shop, owner)["id"], "price_id": "price_pro_month"}
    return act(shop, "create_subscription", **named)


EACH = pytest.mark.parametrize(
    "does",
    [
        *(capture, cancel, refund, refund_of_a_charge, refund_of_what_a_subscription_collected, change, end),
        *(resume, pay_as_a_customer, subscribe_a_customer),
    ],
    ids=lambda does: does.__name__,
)


@EACH
def test_what_another_source_asked_for_is_refused_and_nothing_is_told_of_it(
    shop: Creators, does: Act
) -> None:
    job = does(shop, "platform")
    assert ("failed", None) == (job.state, job.result)
    assert job.problem is not None
    assert (403, "another_source") == (job.problem["status"], job.problem["code"])
    assert "platform" not in str(job.problem)
    assert [] == shop.double.calls("POST|DELETE")


@EACH
@pytest.mark.parametrize("owner", ["shop", "Shop", None])
def test_what_it_asked_for_itself_or_what_no_source_did_is_acted_on(
    shop: Creators, does: Act, owner: str | None
) -> None:
    job = does(shop, owner)
    assert "succeeded" == job.state, job.problem
    assert job.result is not None
    assert not isinstance(job.result.get("customer"), dict)
