"""The ledger at any instant is what the states of then come to, reckoned from the events themselves."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.event import Event
from projections.billing_fields import Discount
from projections.causality import order
from projections.recurring import collected, monthly_amount
from projections.subscription_fields import Subscription
from tests.billing_objects import DAY, NOON, Object, coupon, discount, event, item, price, subscription
from tests.ledgers import movements

OFF = st.sampled_from(["forever", "repeating", "once"])


def instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@st.composite
def discounts(draw: st.DrawFn, at: int, name: str) -> Object:
    kind = draw(OFF)
    terms = draw(st.sampled_from([{"percent_off": 33.3}, {"percent_off": 100}, {"amount_off": 3_00}]))
    end = at + draw(st.sampled_from([0, 1, 20 * DAY])) if kind == "repeating" else None
    return discount(coupon(duration=kind, id=f"coupon_{name}", **terms), end=end, discount_id=name)


class Life(list[Event]):
    """A customer's events, told in short where one fails."""

    def __repr__(self) -> str:
        return "\n".join(f"{each.created - NOON} {each.type} {told(each.object)}" for each in self)


def told(subject: Object) -> Object:
    names = ("id", "status", "ended_at", "pause_collection", "discounts", "source", "end")
    return {name: subject[name] for name in names if subject.get(name)}


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Some subscriptions of one customer through some states, and discounts of the customer's own."""
    events = Life()
    for number in range(draw(st.integers(1, 3))):
        at, ended = NOON, False
        for place in range(draw(st.integers(1, 5))):
            at += draw(st.sampled_from([0, 1, DAY, 40 * DAY]))
            status = draw(st.sampled_from(["active", "active", "past_due", "unpaid", "trialing", "canceled"]))
            ended = ended or status == "canceled"
            each = [
                item(f"si_{n}", of=price(f"price_{n}", draw(st.integers(0, 50_00)), interval))
                for n, interval in enumerate(
                    draw(st.lists(st.sampled_from(["week", "month", "year"]), min_size=1))
                )
            ]
            state = subscription(
                *each,
                id=f"sub_{number}",
                status="canceled" if ended else status,
                ended_at=at - draw(st.sampled_from([0, 1, DAY])) if ended else None,
                pause_collection=draw(st.sampled_from([None, None, {"behavior": "void"}])),
                discounts=[draw(discounts(at, f"di_{number}"))] if draw(st.booleans()) else [],
            )
            kind = "deleted" if ended else "updated" if place else "created"
            events.append(event(f"customer.subscription.{kind}", state, at))
            if ended:
                break
    at = NOON
    for number in range(draw(st.integers(0, 2))):
        at += draw(st.sampled_from([0, 1, DAY, 30 * DAY]))
        told = draw(discounts(at, f"di_customer_{number}"))
        told |= {"customer": "cus_1", "subscription": None, "start": at}
        events.append(event("customer.discount.created", told, at))
        if draw(st.booleans()):
            at += draw(st.sampled_from([1, DAY, 30 * DAY]))
            events.append(event("customer.discount.deleted", told, at))
    return events


def reckoned(events: Sequence[Event], at: datetime) -> int:
    """The customer's MRR at an instant by the states of then."""
    standing = of_customer([each for each in events if each.object_type == "discount"], at)
    histories = defaultdict(list)
    for each in events:
        if each.object_type == "subscription":
            histories[each.object_id].append(each)
    total = Fraction(0)
    for history in histories.values():
        told = [Subscription.read(each.object) for each in order(history) if each.created_at <= at]
        over = [state.ended_at for each in history if (state := Subscription.read(each.object)).ended_at]
        if told and collected(told[-1]) and not any(end and end <= at for end in over):
            total += monthly_amount(replace(told[-1], inherited=standing), at).exact
    return round(total)


def of_customer(events: Sequence[Event], at: datetime) -> tuple[Discount, ...]:
    """The last one that was given until then, unless that was taken back."""
    past = [each for each in events if each.created_at <= at]
    given = [each for each in past if each.type.endswith("created")]
    taken = {each.object_id for each in past if each.type.endswith("deleted")}
    return () if not given or given[-1].object_id in taken else (Discount.read(given[-1].object),)


@settings(deadline=None, max_examples=40)
@given(lives())
def test_the_ledger_at_any_instant_is_what_the_states_of_then_come_to(events: Life) -> None:
    found = movements(*events)
    bounds = {row["at"] for row in found} | {each.created_at for each in events}
    instants = sorted(bounds | {instant(round(at.timestamp()) + by) for at in bounds for by in (-1, 1)})
    for at in instants:
        assert sum(row["amount"] for row in found if row["at"] <= at) == reckoned(events, at)
