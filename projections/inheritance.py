"""What a subscription inherits: its spans of one amount, cut where its customer's discount begins or ends.

A customer's discount holds for each of its subscriptions while that has none of its own; an amount comes off
the invoices of each. Where the rules want a first payment after a trial, a span begins with that.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from projections.billing_fields import Coupon
from projections.discount_columns import coupon_of
from projections.discounting import Part, Unknown, less
from projections.projection import Row


class Inherited(NamedTuple):
    """What came off for a customer, from when until when, and what began and ended that; None: not known."""

    since: datetime
    until: datetime | None
    coupon: Coupon | None
    cause: str
    ended_by: str | None


class Span(NamedTuple):
    """A time in which a subscription counts for one exact amount a month.

    `until` is left out, and None for ever. `cause` began it, and `ended_by` ended it. `incomplete` where the
    amount leaves out what is not known.
    """

    since: datetime
    until: datetime | None
    amount: Fraction
    incomplete: bool
    opening: bool
    cause: str
    ended_by: str | None


def inheritable(rows: Sequence[Row]) -> list[Inherited]:
    """Those of a customer's discounts that come off, or may, in order."""
    return [
        Inherited(
            instant(row["since"]),
            instant(row["until"]) if row["until"] else None,
            coupon_of(row) if row["subtracts"] else None,
            row["cause"],
            row["ended_by"],
        )
        for row in sorted(rows, key=lambda row: instant(row["since"]))
        if row["subtracts"] is not False
    ]


def spans(
    told: Row, currency: str, discounts: Sequence[Inherited], payments: Sequence[Row]
) -> Iterator[Span]:
    """The spans that one span of a subscription's version makes with its customer's discounts.

    `payments` are those after its trial, for which some wait.
    """
    span = Span(
        since=instant(told["since"]),
        until=instant(told["until"]) if told["until"] else None,
        amount=Fraction(told["amount"]),
        incomplete=told["incomplete"],
        opening=told["opening"],
        cause=told["cause"],
        ended_by=told["ended_by"],
    )
    if told.get("awaits_payment"):
        first = min(((instant(each["paid_at"]), each["invoice_id"]) for each in payments), default=None)
        if first is None or (span.until is not None and span.until <= first[0]):
            return
        if first[0] > span.since:
            span = span._replace(since=first[0], cause=f"first_payment:{first[1]}")
    parts = [
        Part(part["product"], Fraction(part["months"]), Fraction(part["amount"]))
        for part in told.get("parts") or ()
    ]
    cuts = {span.since: span.cause}
    for each in discounts if parts else ():
        cuts |= {at: cause for at, cause in _bounds(each) if _within(at, span)}
    starts = sorted(cuts.items())
    for (since, cause), (until, ended_by) in zip(
        starts, [*starts[1:], (span.until, span.ended_by)], strict=True
    ):
        standing = next((each for each in discounts if parts and _covers(each, since)), None)
        amount, incomplete = _less(standing, parts, currency) if standing else (span.amount, False)
        yield Span(
            since=since,
            until=until,
            amount=amount,
            incomplete=span.incomplete or incomplete,
            opening=span.opening and since == span.since,
            cause=cause,
            ended_by=ended_by,
        )


def _less(inherited: Inherited, parts: Sequence[Part], currency: str) -> tuple[Fraction, bool]:
    """What is left, and whether that leaves out what the discount takes off."""
    incomplete = inherited.coupon is None
    try:
        parts = less(inherited.coupon, parts, currency) if inherited.coupon else parts
    except Unknown:
        incomplete = True
    return sum((part.amount for part in parts), Fraction(0)), incomplete


def _bounds(discount: Inherited) -> Iterator[tuple[datetime, str]]:
    if discount.until is not None and discount.ended_by is not None:
        yield discount.until, discount.ended_by
    yield discount.since, discount.cause


def _within(at: datetime, span: Span) -> bool:
    return span.since < at and (span.until is None or at < span.until)


def _covers(discount: Inherited, at: datetime) -> bool:
    return discount.since <= at and (discount.until is None or at < discount.until)


def instant(value: datetime | str) -> datetime:
    """A row's instant, be it from a column or from JSON."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
