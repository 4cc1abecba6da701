"""What is asked of Stripe for each kind of lookup, and how the answer is told: as an observation.

A subscription is told with everything that its events only name in place: its discounts with their coupons,
the tiers of its prices, all of its items. What only earlier events name, and it no more, stands beside it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from psycopg import Connection

from ingest.event import Event, Identity
from projections.causality import order
from projections.heads import load
from workers.lookups import JOB, Lookup
from workers.observations import observation
from workers.stripe_client import Object
from workers.stripe_reader import PAGE, StripeReader

FEW = 3
"""So many balance transactions are asked for one by one; a list may hold what nobody asked for."""

MOST_PAGES = 10
"""Of the items of a subscription, or of the lines of an invoice."""

BEFORE, AFTER = timedelta(minutes=10), timedelta(seconds=1)
"""How far a balance transaction's time may be from that of the event that first names it."""

SUBSCRIPTION = ("discounts.source.coupon", "items.data.discounts", "items.data.price.tiers")
ITEMS = ("data.discounts.source.coupon", "data.price.tiers")


Told = tuple[Lookup, bytes]
"""A lookup and the body of the observation that answers it."""


class Kind(NamedTuple):
    """How a kind of object is looked up.

    `one` gives the body of its observation, None where Stripe does not know the object; `several` answers
    what it finds of many by few calls; `limit` is how many are taken at a time. They raise StripeErrors.
    """

    one: Callable[[StripeReader, "Connection[Any]", Lookup], bytes | None]
    several: Callable[[StripeReader, Sequence[Lookup]], Iterator[list[Told]]] | None
    limit: int


def _told(job: str, lookup: Lookup, seen: Object, reader: StripeReader, **how: Any) -> bytes:
    """The observation that answers a lookup; not every kind of object says whether it is live."""
    return observation(job, seen, account=reader.account, livemode=lookup.livemode, **how)


# ------------------------------------------------------------------ balance transactions


def balance_transaction(reader: StripeReader, _: "Connection[Any]", lookup: Lookup) -> bytes | None:
    """One, told as its own creation: but for becoming available, it never changes."""
    found = reader.find(reader.v1.balance_transactions, lookup.object_id)
    return None if found is None else _told(JOB, lookup, found, reader)


def listed_balance_transactions(reader: StripeReader, asked: Sequence[Lookup]) -> Iterator[list[Told]]:
    """Those that a list of the time that they are from has, page by page."""
    wanted = {lookup.object_id: lookup for lookup in asked}
    if len(wanted) <= FEW:
        return
    begin = min(each.named_at for each in asked) - BEFORE
    end = max(each.named_at for each in asked) + AFTER
    created = {"created": {"gte": int(begin.timestamp()), "lte": int(end.timestamp())}}
    for page in reader.pages(reader.v1.balance_transactions.list, created, 2 * len(asked) // PAGE + 2):
        yield [
            (lookup, _told(JOB, lookup, transaction, reader))
            for transaction in page
            if (lookup := wanted.pop(transaction["id"], None))
        ]
        if not wanted:
            return


# ------------------------------------------------------------------ subscriptions


def subscription(reader: StripeReader, database: "Connection[Any]", lookup: Lookup) -> bytes | None:
    """One, with its discounts and their coupons, its tiers and all of its items in place."""
    services = reader.v1
    found, read_at = reader.dated(
        lambda: reader.find(services.subscriptions, lookup.object_id, *SUBSCRIPTION)
    )
    if found is None:
        return None
    of_this = {"subscription": lookup.object_id, "expand": list(ITEMS)}
    found["items"] = reader.whole(found["items"], services.subscription_items.list, of_this, MOST_PAGES)
    owners = [found, *found["items"]["data"]]
    for owner in owners:
        owner["discounts"] = [_with_coupon(reader, each) for each in owner.get("discounts") or ()]
    told = {each["id"] for owner in owners for each in owner["discounts"] if isinstance(each, dict)}
    beside = [each for each in _beside(reader, database, lookup, told) if each]
    return _told(lookup.job, lookup, found, reader, read_at=read_at, beside=beside)


def _with_coupon(reader: StripeReader, discount: Any) -> Any:
    """The discount with its coupon in place: as Stripe has it now, or where it is deleted as it was kept.

    One that is younger than the discount is another, which took over the id: then the id is all there is.
    """
    if not isinstance(discount, dict):
        return discount
    holder = discount.get("source") or discount  # since 2025-09-30.clover
    kept = holder.get("coupon")
    coupon_id = kept.get("id") if isinstance(kept, dict) else kept
    known = reader.coupon(coupon_id) if coupon_id else None
    fitting = (
        each
        for each in (known, kept)
        if isinstance(each, dict) and each.get("created", 0) <= discount["start"]
    )
    completed = {**holder, "coupon": next(fitting, coupon_id)}
    return {**discount, "source": completed} if "source" in discount else completed


def _beside(
    reader: StripeReader, database: "Connection[Any]", lookup: Lookup, told: Collection[str]
) -> Iterator[Object | None]:
    """What the subscription's earlier events name. A discount cannot be asked for: its own events tell it."""
    for kind, _, name in (each.partition(" ") for each in lookup.names):
        if kind == "coupon":
            yield reader.coupon(name)
        elif kind == "tiers":
            yield reader.find(reader.v1.prices, name, "tiers")
        elif kind == "discount" and name not in told:
            events = _events(database, lookup.identity._replace(object="discount", object_id=name))
            yield _with_coupon(reader, events[-1].object) if events else None


# ------------------------------------------------------------------ customers' discounts


def discount(reader: StripeReader, database: "Connection[Any]", lookup: Lookup) -> bytes | None:
    """One, as the newest event tells it that names a missing coupon, with that in place.

    It is dated as that event, since nothing else is new. None where no coupon is known to Stripe.
    """
    for event in reversed(_events(database, lookup.identity)):
        told = _with_coupon(reader, event.object)
        coupon = (told.get("source") or told).get("coupon")
        if isinstance(coupon, dict) and f"coupon {coupon['id']}" in lookup.names:
            return _told(lookup.job, lookup, told, reader, read_at=event.created_at)
    return None


def _events(database: "Connection[Any]", identity: Identity) -> list[Event]:
    return order(one.event for one in load(database, [identity])[identity])


# ------------------------------------------------------------------ invoices


def invoice(reader: StripeReader, _: "Connection[Any]", lookup: Lookup) -> bytes | None:
    """One, with all of its lines."""
    services = reader.v1.invoices
    found, read_at = reader.dated(lambda: reader.find(services, lookup.object_id))
    if found is None:
        return None

    def page(query: Any, options: Any) -> Any:
        return services.line_items.list(lookup.object_id, query, options)

    found["lines"] = reader.whole(found["lines"], page, {}, MOST_PAGES)
    return _told(lookup.job, lookup, found, reader, read_at=read_at)


KINDS: Mapping[str, Kind] = {
    "balance_transaction": Kind(balance_transaction, listed_balance_transactions, 500),
    "subscription": Kind(subscription, None, 10),
    "discount": Kind(discount, None, 10),
    "invoice": Kind(invoice, None, 10),
}
