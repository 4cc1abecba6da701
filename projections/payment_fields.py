"""Reading payments across Stripe's API versions, 2017 to 2026-10-28.endive.

The same facts come out whichever version rendered them. Where a version says a thing by another name, both
names are read here and nowhere else; the rules are those of Stripe's changelog for the version named.
"""

from collections.abc import Iterator
from typing import NamedTuple

from projections.fields import (
    Object,
    customer_of,
    id_of,
    metadata,
    nested,
    optional,
    required,
    required_instant,
)
from projections.projection import Row


def currency(source: Object) -> str:
    """The currency of the amounts beside it, in small letters."""
    return required(source, "currency", str).lower()


# ------------------------------------------------------------------ what a payment is for


class Purpose(NamedTuple):
    """What a merchant's metadata say of a payment: for whom, for which plan and order, and asked by whom."""

    user_id: str | None
    plan_type: str | None
    order_id: str | None
    order_number: str | None
    origin: str | None

    @classmethod
    def read(cls, source: Object) -> "Purpose":
        """Read an object's metadata.

        WooCommerce's own Stripe plugin, known by `site_url` or `order_key`, calls `order_id` what is the
        number that the customer sees.
        """
        said = metadata(source)
        order = optional(said, "order_id", str)
        woocommerce = "site_url" in said or "order_key" in said
        return cls(
            user_id=optional(said, "user_id", str),
            plan_type=optional(said, "plan_type", str),
            order_id=None if woocommerce else order,
            order_number=order if woocommerce else optional(said, "order_number", str),
            origin=optional(said, "source", str),
        )


# ------------------------------------------------------------------ PaymentIntents

_INTENT_STATUSES = {  # until 2019-02-11
    "requires_source": "requires_payment_method",
    "requires_source_action": "requires_action",
}


def intent_status(intent: Object) -> str:
    """The intent's status by its present name."""
    status = required(intent, "status", str)
    return _INTENT_STATUSES.get(status, status)


def latest_charge(intent: Object) -> str | None:
    """Its newest charge; until 2022-11-15 the first of the charges that it embeds."""
    embedded = optional(nested(intent, "charges"), "data", list)
    return id_of(intent, "latest_charge") or (required(embedded[0], "id", str) if embedded else None)


def intent_payment_method(intent: Object) -> tuple[str | None, str | None]:
    """The id and type of its payment method.

    Events seldom expand it. Then the type is that of the method which the last attempt failed with, and
    else known where only one type is allowed.
    """
    expanded = intent.get("payment_method")
    failed = nested(intent, "last_payment_error", "payment_method")
    known = optional(expanded if isinstance(expanded, dict) else failed, "type", str)
    allowed = optional(intent, "payment_method_types", list) or []
    method_id = id_of(intent, "payment_method") or id_of(intent, "source")
    return method_id, known or (allowed[0] if len(allowed) == 1 else None)


# ------------------------------------------------------------------ charges


class Method(NamedTuple):
    """How a charge was paid: the type of payment method, and of a card what identifies it."""

    type: str | None
    brand: str | None = None
    country: str | None = None
    fingerprint: str | None = None
    funding: str | None = None
    last4: str | None = None
    three_d_secure: str | None = None

    @classmethod
    def read(cls, charge: Object) -> "Method":
        """Read `payment_method_details`; until 2019 the charged `source` is all there is."""
        details = optional(charge, "payment_method_details", dict)
        if details is None:
            return cls._of_source(nested(charge, "source"))
        kind = optional(details, "type", str)
        card = nested(details, kind) if kind in _CARDS else {}
        return cls._of_card(kind, card, _authentication(nested(card, "three_d_secure")))

    @classmethod
    def _of_source(cls, source: Object) -> "Method":
        kind = optional(source, "object", str)
        if kind == "card":
            return cls._of_card("card", source, None)
        if kind != "source":
            return cls("ach_debit" if kind == "bank_account" else kind)
        kind = optional(source, "type", str)
        if kind == "three_d_secure":
            card = nested(source, "three_d_secure")
            return cls._of_card("card", card, _authentication(card))
        return cls._of_card(kind, nested(source, "card") if kind == "card" else {}, None)

    @classmethod
    def _of_card(cls, kind: str | None, card: Object, authentication: str | None) -> "Method":
        brand = optional(card, "brand", str)
        return cls(
            type=kind,
            brand=_BRANDS.get(brand, brand.lower()) if brand else None,
            country=optional(card, "country", str),
            fingerprint=optional(card, "fingerprint", str),
            funding=optional(card, "funding", str),
            last4=optional(card, "last4", str),
            three_d_secure=authentication,
        )


_CARDS = {"card", "card_present", "interac_present"}
_BRANDS = {"American Express": "amex", "Diners Club": "diners"}  # sources wrote them out


def _authentication(three_d_secure: Object) -> str | None:
    """`result`, or what two flags said before there was one, until 2020."""
    result = optional(three_d_secure, "result", str)
    if result or optional(three_d_secure, "authenticated", bool) is None:
        return result
    if three_d_secure["authenticated"]:
        return "authenticated"
    return "attempt_acknowledged" if optional(three_d_secure, "succeeded", bool) else "failed"


def amount_captured(charge: Object) -> int:
    """What was captured, in minor units; until 2020 a charge was captured whole or not at all."""
    captured = optional(charge, "amount_captured", int)
    if captured is not None:
        return captured
    taken = optional(charge, "captured", bool) and charge.get("status") != "failed"
    return required(charge, "amount", int) if taken else 0


def amount_given_back(charge: Object, api_version: str | None) -> int:
    """What was given back of what was captured, in minor units.

    Until 2025-03-31 `amount_refunded` counts what was held and never captured, too, once it is released.
    """
    captured, counted = amount_captured(charge), required(charge, "amount_refunded", int)
    rest = max(required(charge, "amount", int) - captured, 0)
    released = rest if (api_version or "") < "2025-03-31" and counted >= rest else 0
    return min(counted - released, captured)


def is_disputed(charge: Object) -> bool:
    """Whether it was ever disputed; until 2020 by naming the dispute."""
    flag = optional(charge, "disputed", bool)
    return id_of(charge, "dispute") is not None if flag is None else flag


def billing_email(charge: Object) -> str | None:
    """The address that the payer gave; until 2019 on the source."""
    given = optional(nested(charge, "billing_details"), "email", str)
    return given or optional(nested(charge, "source", "owner"), "email", str)


def payer(charge: Object) -> str | None:
    """Who pays, for counting: the customer, else a guest by his e-mail address in small letters."""
    guest = billing_email(charge) or optional(charge, "receipt_email", str)
    return customer_of(charge) or (guest.lower() if guest else None)


def embedded_refunds(charge: Object) -> Iterator[Object]:
    """The refunds that a charge brings along: the newest ten, until 2022-11-15."""
    yield from optional(nested(charge, "refunds"), "data", list) or []


# ------------------------------------------------------------------ refunds and disputes


def refund_row(refund: Object) -> Row:
    """The row of a refund, whether it comes by itself or within its charge."""
    return {
        "id": required(refund, "id", str),
        "charge_id": id_of(refund, "charge"),
        "payment_intent_id": id_of(refund, "payment_intent"),
        "amount": required(refund, "amount", int),
        "currency": currency(refund),
        "status": optional(refund, "status", str),
        "reason": optional(refund, "reason", str),
        "failure_reason": optional(refund, "failure_reason", str),
        "balance_transaction_id": id_of(refund, "balance_transaction"),
        "failure_balance_transaction_id": id_of(refund, "failure_balance_transaction"),
        "metadata": metadata(refund),
        "created_at": required_instant(refund, "created"),
    }


class Funds(NamedTuple):
    """What a dispute moved, in minor units of the account's own currency; None where that is not told.

    `transactions` are the ids of the balance transactions.
    """

    withdrawn: int | None = None
    reinstated: int | None = None
    fee: int | None = None
    currency: str | None = None
    transactions: tuple[str, ...] = ()

    @classmethod
    def read(cls, dispute: Object) -> "Funds":
        """Read the dispute's balance transactions: at most one that takes, and one that gives back."""
        moves = optional(dispute, "balance_transactions", list)
        if moves is None:
            return cls()
        amounts = [required(move, "amount", int) for move in moves]
        return cls(
            withdrawn=-sum(amount for amount in amounts if amount < 0),
            reinstated=sum(amount for amount in amounts if amount > 0),
            fee=sum(optional(move, "fee", int) or 0 for move in moves),
            currency=currency(moves[0]) if moves else None,
            transactions=tuple(required(move, "id", str) for move in moves),
        )


# ------------------------------------------------------------------ balance transactions


def exchange_rate(transaction: Object) -> str | None:
    """What one unit of the presented currency came to on the balance, exactly as Stripe wrote it."""
    rate = transaction.get("exchange_rate")
    if isinstance(rate, bool) or not isinstance(rate, int | float | None):
        raise TypeError(f"'exchange_rate' is a {type(rate).__name__}, expected a number")
    return None if rate is None else repr(rate)  # the shortest decimal that reads back the same
