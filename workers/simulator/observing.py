"""What would be seen at Stripe where events only name it: a stack without Stripe has nobody to ask.

Everything follows from the business alone, so the same business is seen the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workers.simulator.billing_facts import Discount, Subscription
from workers.simulator.dialect import CLOVER, DISCOUNTS, Dialect
from workers.simulator.rendering import event, told_in
from workers.simulator.shapes.discount import discount
from workers.simulator.shapes.subscription import subscription
from workers.simulator.world import DAY, Change

Body = Mapping[str, Any]

PERCENT, FIXED = 29, 30
"""What a charge costs: so many thousandths of it, and a fixed amount in minor units."""

CLEARING = 2 * DAY

PAUSE = 2
"""Seconds after which a subscription is looked at: what is seen then is younger than what asked for it."""


class Watch:
    """Tells what happens as events, and what is seen at Stripe between them as observations."""

    def __init__(self, dialect: Dialect, account: str | None) -> None:
        self._dialect = dialect
        self._expanded = dialect._replace(expanded=True)
        self._account = account
        self._seen: set[str] = set()
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        self._due: dict[str, tuple[int, Subscription]] = {}

    def tell(self, changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
        """All of it, in the order in which it is made."""
        for change in changes:
            # An event may be stamped a second late: only what was due before that has all events behind it.
            yield from self._look([name for name, (at, _) in self._due.items() if at < change.created - 1])
            if not told_in(change, self._dialect):
                continue
            told = event(change, self._dialect, self._account)
            yield told
            yield from self._beside(change, told)
        yield from self._look(list(self._due))

    def _beside(self, change: Change, told: Body) -> Iterator[dict[str, Any]]:
        for transaction in balance_transactions(told["data"]["object"], told["created"]):
            if transaction["id"] not in self._seen:
                self._seen.add(transaction["id"])
                yield self._observation(dict(transaction), transaction["created"], creation=True)
        match change.after:
            case Subscription() as fact:
                if not names(fact, self._dialect) <= self._known[fact.id]:
                    self._due.setdefault(fact.id, (change.created + PAUSE, fact))
                at, _ = self._due.get(fact.id, (0, None))
                if change.created < at:
                    self._due[fact.id] = (at, fact)
            case Discount(subscription_id=None) as given if not self._dialect.before(CLOVER):
                if (name := f"{given.id} {given.coupon.id}") not in self._seen:
                    self._seen.add(name)
                    yield self._observation(discount(given, self._expanded), change.created)

    def _look(self, subscriptions: Iterable[str]) -> Iterator[dict[str, Any]]:
        for name in subscriptions:
            at, fact = self._due.pop(name)
            self._known[name] |= names(fact, self._dialect)
            yield self._observation(subscription(fact, self._expanded), at)

    def _observation(self, seen: dict[str, Any], at: int, *, creation: bool = False) -> dict[str, Any]:
        """As the observer appends it."""
        return {
            "id": f"obs_lookup_{seen['id']}" + ("" if creation else f"_{at}_changed"),
            "object": "event",
            "type": f"{seen['object']}.observed",
            "api_version": self._dialect.version,
            "created": at,
            "livemode": self._dialect.livemode,
            "observation": {"job": "lookup", "creation": creation},
            "data": {"object": seen},
            **({} if self._account is None else {"account": self._account}),
        }


def names(fact: Subscription, dialect: Dialect) -> set[str]:
    """What the events of a subscription only name in this state."""
    tiered = {item.price.id for item in fact.items if item.price.tiers}
    return tiered if dialect.before(DISCOUNTS) else tiered | {each.id for each in fact.discounts}


def balance_transactions(subject: Body, now: int) -> Iterator[Body]:
    """Those that an object names."""
    match subject["object"]:
        case "charge" if name := subject["balance_transaction"]:
            amount = subject["amount_captured"]
            yield _transaction(name, now, subject, "charge", amount, amount * PERCENT // 1000 + FIXED)
        case "refund":
            if name := subject["balance_transaction"]:
                yield _transaction(name, subject["created"], subject, "refund", -subject["amount"])
            if name := subject.get("failure_balance_transaction"):
                yield _transaction(name, now, subject, "refund_failure", subject["amount"])
        case "dispute":
            yield from subject["balance_transactions"]


def _transaction(name: str, now: int, subject: Body, kind: str, amount: int, fee: int = 0) -> Body:
    return {
        "id": name,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + CLEARING,
        "created": now,
        "currency": subject["currency"],
        "description": subject.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "net": amount - fee,
        "reporting_category": kind,
        "source": subject["id"],
        "status": "pending",
        "type": kind,
    }
