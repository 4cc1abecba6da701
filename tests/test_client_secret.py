"""A client secret that is asked for late: fetched from Stripe, and told with the old result."""

import pytest

from tests.creators import creators


@pytest.fixture
def shop(settings, redis):
    with creators(settings, redis) as shop:
        yield shop


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("create_payment_intent", {"amount": 1250, "currency": "eur"}),
        ("create_subscription", {"user_id": "42", "price_id": "price_pro_month", "plan_type": "pro"}),
    ],
)
def test_it_is_the_one_that_was_told_at_first(shop, kind, command):
    made = shop.done(kind, **command)
    fetched = shop.done("fetch_client_secret", object=made.result["object"], id=made.result["id"])
    assert shop.jobs.client_secret(made.id)
    assert shop.jobs.client_secret(fetched.id) == shop.jobs.client_secret(made.id)
    assert fetched.result == {}


def test_fetching_it_makes_nothing(shop):
    made = shop.done("create_payment_intent", amount=1250, currency="eur")
    posted = len(shop.double.calls("POST"))
    shop.done("fetch_client_secret", object="payment_intent", id=made.result["id"])
    assert len(shop.double.calls("POST")) == posted
