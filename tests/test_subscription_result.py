"""What a subscription's result tells, in whichever API version Stripe told it."""

import pytest

from workers.subscription_result import made

PRICE = {"id": "price_1", "object": "price"}
ITEM = {"id": "si_1", "price": PRICE, "quantity": 2, "current_period_start": 10, "current_period_end": 20}
SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "status": "incomplete",
    "customer": "cus_1",
    "metadata": {"user_id": "u1", "plan_type": "pro"},
    "items": {"data": [ITEM]},
    "latest_invoice": None,
    "pending_setup_intent": None,
}


@pytest.mark.parametrize(
    ("expanded", "kind", "secret"),
    [
        (
            {"latest_invoice": {"id": "in_1", "confirmation_secret": {"client_secret": "s", "type": None}}},
            "payment_intent",
            "s",
        ),
        (
            {"latest_invoice": {"id": "in_1", "payment_intent": {"client_secret": "old"}}},
            "payment_intent",
            "old",
        ),
        ({"pending_setup_intent": {"id": "seti_1", "client_secret": "set"}}, "setup_intent", "set"),
        ({"latest_invoice": "in_1", "pending_setup_intent": "seti_1"}, None, None),
        ({"latest_invoice": {"id": "in_1", "confirmation_secret": None, "payment_intent": None}}, None, None),
    ],
    ids=["since basil", "before basil", "a trial", "nothing expanded", "nothing to pay"],
)
def test_the_client_secret_is_where_the_version_has_it(
    expanded: dict[str, object], kind: str | None, secret: str | None
) -> None:
    told = made({**SUBSCRIPTION, **expanded})
    assert (kind, secret) == (told.result["client_secret_of"], told.client_secret)


def test_periods_are_those_of_the_items() -> None:
    longer = {**ITEM, "current_period_end": 30}
    result = made({**SUBSCRIPTION, "items": {"data": [ITEM, longer]}}).result
    assert (10, 30) == (result["current_period_start"], result["current_period_end"])


def test_periods_were_the_subscriptions_own() -> None:
    old = {name: value for name, value in ITEM.items() if not name.startswith("current_period")}
    told = {**SUBSCRIPTION, "items": {"data": [old]}, "current_period_start": 1, "current_period_end": 2}
    result = made(told).result
    assert (1, 2) == (result["current_period_start"], result["current_period_end"])


def test_a_very_old_item_has_only_a_plan() -> None:
    item = {"id": "si_1", "plan": {"id": "plan_1"}, "quantity": 1}
    assert "plan_1" == made({**SUBSCRIPTION, "items": {"data": [item]}}).result["price_id"]


def test_a_result_holds_no_secret() -> None:
    invoice = {"id": "in_1", "amount_due": 5800, "confirmation_secret": {"client_secret": "cs_secret"}}
    told = made({**SUBSCRIPTION, "latest_invoice": invoice})
    assert "cs_secret" not in repr(dict(told.result))
    assert ("in_1", 5800, 2) == tuple(told.result[n] for n in ("latest_invoice", "amount", "quantity"))
