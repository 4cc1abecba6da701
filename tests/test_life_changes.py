"""What the page of a life says that an event changed, in people's words."""

from typing import Any

import orjson
import pytest

from ingest.event import Event
from projections.dashboard.difference import changed
from projections.dashboard.known import known
from projections.dashboard.values import BELOW, Change
from tests.events import event, intent

ONE, TWO = {"id": "si_1", "quantity": 1}, {"id": "si_2", "quantity": 5}


def told(subject: dict[str, Any], kind: str = "payment_intent.updated", **envelope: Any) -> Event:
    return Event.read(orjson.dumps(event(kind, subject, **envelope)), source="default")


def changes(now: Event, before: Event | None = None) -> list[tuple[str, str | None, str]]:
    return written(changed(now, before, "UTC").changes)


def written(found: list[Change]) -> list[tuple[str, str | None, str]]:
    """With plain characters for what is typeset."""
    plain = str.maketrans({"\N{EN DASH}": "-", "\N{MULTIPLICATION SIGN}": "x"})
    return [
        (path.replace(BELOW, " > "), before and before.translate(plain), after.translate(plain))
        for path, before, after in found
    ]


def billed(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "sub_1", "object": "subscription", "items": {"data": list(items)}, **fields}


def test_an_object_that_appears_is_told_by_what_it_says() -> None:
    error = {"charge": "ch_1", "code": "card_declined", "message": "Your card was declined."}
    assert [("Last payment error", "-", "Your card was declined. (card_declined)")] == changes(
        told(intent(last_payment_error=error)), told(intent())
    )


def test_an_object_that_is_expanded_by_and_by_is_no_change() -> None:
    assert [] == changes(told(intent(latest_charge={"id": "ch_1"})), told(intent(latest_charge="ch_1")))
    assert [] == changes(told(billed(discounts=[{"id": "di_1"}])), told(billed(discounts=["di_1"])))


def test_items_are_compared_with_themselves_wherever_they_stand() -> None:
    assert [("Items > si_2 > Quantity", "5", "6")] == changes(
        told(billed({**TWO, "quantity": 6}, ONE)), told(billed(ONE, TWO))
    )
    assert [("Items > si_1", "si_1", "-")] == changes(told(billed(TWO)), told(billed(ONE, TWO)))


def test_items_without_an_id_are_compared_place_by_place() -> None:
    assert [("Lines > 2 > Amount", "€5.00", "€6.00")] == changes(
        told(intent(lines=[{"amount": 100}, {"amount": 600}])),
        told(intent(lines=[{"amount": 100}, {"amount": 500}])),
    )


def test_amounts_are_in_the_currency_that_stands_nearest() -> None:
    priced = {"id": "si_1", "price": {"currency": "jpy", "unit_amount": 1000}}
    dearer = {"id": "si_1", "price": {"currency": "jpy", "unit_amount": 1500}}
    assert [("Items > si_1 > Price > Unit amount", "¥1,000", "¥1,500")] == changes(
        told(billed(dearer, currency="eur")), told(billed(priced, currency="eur"))
    )


def test_amounts_that_are_of_another_currency_are_shown_in_that() -> None:
    def priced(amount: int) -> dict[str, Any]:
        told_in = {"presentment_amount": amount, "presentment_currency": "jpy"}
        return intent(currency_options={"jpy": {"unit_amount": amount}}, presentment_details=told_in)

    assert [
        ("Currency options > Jpy > Unit amount", "¥1", "¥2"),
        ("Presentment details > Presentment amount", "¥1", "¥2"),
    ] == changes(told(priced(2)), told(priced(1)))


def test_what_a_merchant_chose_stays_as_it_is() -> None:
    own = {"currency": "beans", "status": "in_love", "amount": 5, "created": 7}
    assert [
        ("Metadata > currency", "-", "beans"),
        ("Metadata > status", "-", "in_love"),
        ("Metadata > amount", "-", "5"),
        ("Metadata > created", "-", "7"),
    ] == changes(told(intent(metadata=own)), told(intent()))


def test_a_share_is_no_amount() -> None:
    assert [("Transfer data > Amount percent", "10", "20")] == changes(
        told(intent(transfer_data={"amount_percent": 20})), told(intent(transfer_data={"amount_percent": 10}))
    )


def test_a_number_of_entries_is_no_amount() -> None:
    listed = {"data": [], "total_count": 3}
    assert [("Lines > Total count", "2", "3")] == changes(
        told(intent(lines=listed)), told(intent(lines={**listed, "total_count": 2}))
    )


@pytest.mark.parametrize("name", ["arrival_date", "date", "redeem_by", "capture_before", "expires_at"])
def test_whatever_stripe_gives_in_seconds_is_a_time(name: str) -> None:
    [(_, _, shown)] = changes(told(intent(**{name: 1_800_000_000})), told(intent()))
    assert "2027-01-15 08:00:00" == shown


def test_of_two_api_versions_only_what_both_tell_is_compared() -> None:
    old = told(intent(charges={"data": []}, source=None, metadata={"a": "1"}), api_version="2020-08-27")
    new = told(intent("processing", automatic_payment_methods={"enabled": True}, metadata={"b": "2"}))
    assert [
        ("Status", "Requires payment method", "Processing"),
        ("Metadata > b", "-", "2"),
        ("Metadata > a", "1", "-"),
    ] == changes(new, old)


def test_what_the_event_says_of_itself_goes_before_what_came_before_it() -> None:
    late = told(intent(amount=2000), previous={"amount": 1500})
    assert [("Amount", "€15.00", "€20.00")] == changes(late, told(intent("canceled", amount=1000)))


def test_texts_that_differ_beyond_what_is_shown_are_not_shown_as_equal() -> None:
    long = "a" * 200
    [(path, before, after)] = changes(told(intent(description=f"{long}c")), told(intent(description=long)))
    assert ("Description", None) == (path, before)
    assert "payload" in after


def test_no_secret_is_told() -> None:
    held = {"id": "x", "client_secret": "c", "deep": [{"secret": "d"}], "shown": "e"}
    told_of = changes(told(intent(action=held, client_secret="pi_secret")), told(intent(client_secret=None)))
    assert "secret" not in repr(told_of)


def test_what_is_known_at_first_includes_amounts_of_nothing_and_what_is_billed() -> None:
    price = {"id": "price_1", "nickname": "Pro", "currency": "eur", "unit_amount": 1900,
             "recurring": {"interval": "month"}}  # fmt: skip
    first = told(billed({"id": "si_1", "quantity": 3, "price": price}, status="active"))
    assert [("Status", None, "Active"), ("Billed", None, "3 x Pro, €19.00 a month")] == written(
        known(first, "UTC")
    )
    assert ("Amount", None, "€0.00") in known(told(intent(amount=0)), "UTC")


@pytest.mark.parametrize("odd", [{"data": [7, {"price": "x"}, {"price": {"unit_amount": "y"}}]}, [], "x"])
def test_odd_items_are_no_reason_to_fail(odd: Any) -> None:
    assert "Billed" not in [each.path for each in known(told({**intent(), "items": odd}), "UTC")]
