"""What may be asked for, and how each wrong request is refused."""

import pytest
from pydantic import ValidationError

from ingest.command import METADATA_KEYS, RESERVED_METADATA, NoPrice
from ingest.commands import (
    COMMANDS,
    CancelPaymentIntent,
    CancelSubscription,
    CapturePaymentIntent,
    ChangeSubscription,
    CreateCustomer,
    CreatePaymentIntent,
    CreateRefund,
    CreateSubscription,
)

PRICES = {"price_pro": ("pro", "month"), "price_pro_year": ("pro", "year")}
EUR = {"currency": "eur"}


def wrong(command, **fields):
    """The fields that a refusal names."""
    with pytest.raises(ValidationError) as refused:
        command(**fields)
    return {
        field for error in refused.value.errors() for field in (error["loc"][:1] or error["ctx"]["fields"])
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_takes_its_own_example(command):
    path = {"payment_intent": "pi_1", "subscription": "sub_1"}
    made = command(**command.example, **{name: path[name] for name in command.path_fields()})
    assert made.job_command({f"price_{plan}_{cycle}": (plan, cycle) for plan, cycle in SOLD})


SOLD = [("pro", "year"), ("enterprise", "month")]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_takes_a_field_that_it_does_not_know(command):
    assert "colour" in wrong(command, colour="red")


@pytest.mark.parametrize("amount", [12.5, "1250", True, 0, -1, 10**14, None])
def test_an_amount_is_a_positive_integer(amount):
    assert "amount" in wrong(CreatePaymentIntent, **EUR, amount=amount)


@pytest.mark.parametrize("total", [12.5, 12, "12.505", "0.49", "12,50"])
def test_a_total_is_a_decimal_string_that_stripe_can_charge(total):
    assert wrong(CreatePaymentIntent, **EUR, total=total) == {"total"}


def test_a_payment_has_one_amount_and_at_most_one_customer():
    assert wrong(CreatePaymentIntent, **EUR) == {"amount", "total"}
    assert wrong(CreatePaymentIntent, **EUR, amount=100, total="1.00") == {"amount", "total"}
    both = {"customer_id": "cus_1", "user_id": "42"}
    assert wrong(CreatePaymentIntent, **EUR, amount=100, **both) == {"customer_id", "user_id"}


@pytest.mark.parametrize("currency", ["EUR", "eu", "euro", "e1r", "eur\n", ""])
def test_a_currency_is_three_lower_case_letters(currency):
    assert wrong(CreatePaymentIntent, currency=currency, amount=100) == {"currency"}


@pytest.mark.parametrize("key", sorted(RESERVED_METADATA))
def test_what_the_service_says_itself_cannot_be_said_in_metadata(key):
    assert wrong(CreatePaymentIntent, **EUR, amount=100, metadata={key: "x"}) == {"metadata"}


@pytest.mark.parametrize(
    "metadata",
    [
        *({"a": 1}, {"a": None}, {"": "x"}, {"a[b]": "x"}, {"k" * 41: "x"}, {"k": "x" * 501}, {"a": "\0"}),
        {str(n): "x" for n in range(METADATA_KEYS + 1)},
    ],
)
def test_metadata_are_as_stripe_takes_them(metadata):
    assert wrong(CreateCustomer, user_id="42", metadata=metadata) == {"metadata"}


@pytest.mark.parametrize("user_id", ["", "x" * 201, "a\nb", "a\0b", 42])
def test_a_user_id_is_a_short_line_of_text(user_id):
    assert wrong(CreateCustomer, user_id=user_id) == {"user_id"}


@pytest.mark.parametrize("email", ["jenny", "@example.com", "jenny@", "a b@example.com", "a@b@c", "a@b\n"])
def test_an_email_has_one_at_sign(email):
    assert wrong(CreateCustomer, user_id="42", email=email) == {"email"}


def test_a_subscription_is_somebodys_and_has_one_price():
    assert wrong(CreateSubscription, plan_type="pro") == {"user_id", "customer_id"}
    assert wrong(CreateSubscription, user_id="42") == {"plan_type", "price_id"}
    twice = {"plan_type": "pro", "price_id": "price_pro"}
    assert wrong(CreateSubscription, user_id="42", **twice) == {"plan_type", "price_id"}
    cycle = {"price_id": "price_pro", "billing_cycle": "year"}
    assert wrong(CreateSubscription, user_id="42", **cycle) == {"billing_cycle"}
    foreign = {"customer_id": "cus_1", "email": "a@b", "plan_type": "pro"}
    assert wrong(CreateSubscription, **foreign) == {"email"}


def test_a_plan_is_by_the_month_unless_said_otherwise():
    by_month = CreateSubscription(user_id="42", plan_type="pro")
    assert by_month.job_command(PRICES) == {
        "user_id": "42",
        "plan_type": "pro",
        "billing_cycle": "month",
        "price_id": "price_pro",
    }
    by_year = CreateSubscription(user_id="42", plan_type="pro", billing_cycle="year")
    assert by_year.job_command(PRICES)["price_id"] == "price_pro_year"


def test_a_request_stays_the_same_when_its_plan_gets_another_price():
    monthly = {"user_id": "42", "plan_type": "pro"}
    asked = CreateSubscription(**monthly, billing_cycle="month").asked()
    assert asked == CreateSubscription(**monthly).asked()
    assert "price_id" not in asked


def test_a_price_that_stands_for_a_plan_brings_its_name():
    known = CreateSubscription(customer_id="cus_1", price_id="price_pro_year").job_command(PRICES)
    assert (known["plan_type"], known["billing_cycle"]) == ("pro", "year")
    other = CreateSubscription(customer_id="cus_1", price_id="price_other").job_command(PRICES)
    assert other == {"customer_id": "cus_1", "price_id": "price_other"}


def test_a_plan_without_a_price_is_refused_with_what_is_sold():
    with pytest.raises(NoPrice, match=r"STRIPE_PRICE_BASIC_YEARLY.*pro by month, pro by year"):
        CreateSubscription(user_id="42", plan_type="basic", billing_cycle="year").job_command(PRICES)


@pytest.mark.parametrize(
    ("field", "value", "valid"),
    [("plan_type", "gold", "'basic', 'pro' or 'enterprise'"), ("billing_cycle", "week", "'month' or 'year'")],
)
def test_an_unknown_plan_or_cycle_names_the_valid_ones(field, value, valid):
    fields = {"user_id": "42", "plan_type": "pro", field: value}
    with pytest.raises(ValidationError, match=valid):
        CreateSubscription(**fields)


def test_a_change_changes_something():
    assert wrong(ChangeSubscription, subscription="sub_1") == {"plan_type", "price_id", "quantity"}
    assert ChangeSubscription(subscription="sub_1", quantity=2).job_command(PRICES) == {
        "subscription": "sub_1",
        "quantity": 2,
        "proration": "create_prorations",
    }


def test_a_refund_is_of_one_payment():
    assert wrong(CreateRefund) == {"payment_intent", "charge"}
    assert wrong(CreateRefund, payment_intent="pi_1", charge="ch_1") == {"payment_intent", "charge"}
    assert wrong(CreateRefund, payment_intent="ch_1") == {"payment_intent"}


@pytest.mark.parametrize("command", [CapturePaymentIntent, CancelPaymentIntent])
@pytest.mark.parametrize("intent", ["pi_", "ch_1", "pi_1/cancel", "pi_1?x", "../pi_1"])
def test_a_path_holds_an_id_of_its_kind(command, intent):
    assert wrong(command, payment_intent=intent) == {"payment_intent"}


@pytest.mark.parametrize("reason", ["", "x" * 501, "a\0"])
def test_a_reason_is_a_line_of_text(reason):
    assert wrong(CancelSubscription, subscription="sub_1", reason=reason) == {"reason"}
