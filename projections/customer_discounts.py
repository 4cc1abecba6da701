"""Customers' discounts: which discount each customer had, from when until when.

A customer has one at most, so the last that began is the one that stands. Two kinds of object tell of it:
the discounts themselves, and in old API versions the customer, which may be late but notices a change of
which no discount told. What one of them tells of a coupon holds for all who name it in the same discount.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from projections.aggregate import Aggregate, Gathered
from projections.billing_fields import Coupon, Discount
from projections.discount_columns import COLUMNS, columns, discount_of
from projections.discounting import DURATIONS
from projections.projection import Row
from projections.revenue_rules import Rules

SHOWN, BEGUN, ENDED = 0, 1, 2
"""Of two things that are told of one instant the greater is the later: a customer may show what was so."""

Place = tuple[str, str, int]
"""Which row tells it: its table, and its key there."""


class Change(NamedTuple):
    """What a row tells of an instant: that this discount stands, or none, or that the row's own is over."""

    at: datetime
    rank: int
    place: Place
    discount: Discount | None
    cause: str
    row: Row


class Standing(NamedTuple):
    """The discount that stands, since when, what began it, and the row whose end is its own."""

    since: datetime
    discount: Discount
    cause: str
    place: Place
    row: Row


def fold(gathered: Gathered, rules: Rules) -> Iterator[Row]:
    """The spans of one customer, which do not overlap; what stood for no time is left out."""
    standing: Standing | None = None
    for change in sorted(_changes(gathered), key=attrgetter("at", "rank", "place")):
        following = _after(standing, change)
        over = standing and (following is None or following.since != standing.since)
        if standing and over and standing.since < change.at:
            yield _row(standing, change, rules)
        standing = following
    if standing:
        yield _row(standing, None, rules)


def _changes(gathered: Gathered) -> Iterator[Change]:
    coupons = _coupons([row for rows in gathered.values() for row in rows])
    for row in gathered["shown_discounts"]:
        discount = _complete(row, coupons) if row["name"] else None
        place = ("shown_discounts", "", row["number"])
        yield Change(_at(row["shown_from"]), SHOWN, place, discount, row["event_id"], row)
        if discount and discount.ends_at:
            yield Change(discount.ends_at, ENDED, place, None, f"discount_end:{discount.name}", row)
    for row in gathered["discount_versions"]:
        discount = _complete(row, coupons)
        place = ("discount_versions", row["discount_id"], row["number"])
        yield Change(_at(row["valid_from"]), BEGUN, place, discount, row["event_id"], row)
        if row["valid_to"]:
            yield Change(_at(row["valid_to"]), ENDED, place, None, row["ended_by"], row)
        if discount.ends_at:
            yield Change(discount.ends_at, ENDED, place, None, f"discount_end:{discount.name}", row)


def _after(standing: Standing | None, change: Change) -> Standing | None:
    """What stands after a change."""
    if change.rank == ENDED:
        return None if standing and standing.place == change.place else standing
    discount = change.discount
    if discount is None or (discount.ends_at is not None and discount.ends_at <= change.at):
        return None
    if standing is None or not _same(standing.discount, discount):
        return Standing(change.at, discount, change.cause, change.place, change.row)
    if change.rank == SHOWN:
        return standing
    # Its own event tells it, too, and knows when it ends.
    if standing.since == change.at:
        standing = standing._replace(cause=change.cause, row=change.row)
    return standing._replace(discount=discount, place=change.place)


def _same(one: Discount, other: Discount) -> bool:
    """Whether they are one discount, of which one telling may not name the coupon."""
    named = None not in (one.coupon_id, other.coupon_id)
    return one.name == other.name and not (named and one.coupon_id != other.coupon_id)


def _row(standing: Standing, end: Change | None, rules: Rules) -> Row:
    told = columns(standing.discount)
    del told["ends_at"]
    return {
        "since": standing.since,
        "until": end and end.at,
        "cause": standing.cause,
        "ended_by": end and end.cause,
        **told,
        "subtracts": subtracts(standing.discount, rules),
        "source": standing.row["source"],
        "stale": standing.row["stale"],
    }


def subtracts(discount: Discount, rules: Rules) -> bool | None:
    """Whether its coupon is of a kind that comes off recurring revenue; None where that is not known."""
    duration = discount.coupon.duration if discount.coupon else None
    return duration in rules.durations if not rules.durations or duration in DURATIONS else None


def _coupons(rows: Sequence[Row]) -> Mapping[tuple[str, str], Coupon]:
    """The coupons that are told of, by the names of the discount and of the coupon."""
    told = [discount_of(row) for row in rows if row["duration"] is not None]
    found = {(str(each.id), str(each.coupon_id)): each.coupon for each in told}
    return {names: coupon for names, coupon in sorted(found.items()) if coupon}


def _complete(row: Row, coupons: Mapping[tuple[str, str], Coupon]) -> Discount:
    discount = discount_of(row)
    known = coupons.get((str(discount.id), str(discount.coupon_id)))
    return (
        discount
        if discount.coupon or known is None
        else Discount(id=discount.id, coupon_id=discount.coupon_id, coupon=known, ends_at=discount.ends_at)
    )


def _at(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


AGGREGATE = Aggregate(
    table="customer_discounts",
    reads={
        "discount_versions": (
            "discount_id", "number", "event_id", "valid_from", "valid_to", "ended_by", *COLUMNS, "source",
            "stale",
        ),
        "shown_discounts": ("number", "event_id", "shown_from", *COLUMNS, "source", "stale"),
    },
    fold=fold,
    owner="customer_id",
    key=("since",),
)  # fmt: skip
