"""The MRR ledger: signed movements of each customer's monthly recurring revenue, by currency and instant.

All that happens to a customer in one instant nets out to one movement, so that swapping an item is an
upgrade and cancelling one of two subscriptions is a contraction. What counted already when its creation was
not seen is booked apart, as an `opening`: an unknown past is never called new. Amounts are exact until they
are summed, and rounded once, half to even; a movement is the difference of two rounded sums, so that the
movements always add up.

A movement of 0 is there only where a customer's MRR begins or ends to rest on something that is not known.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from projections.aggregate import Aggregate, Gathered
from projections.inheritance import Span, inheritable, spans
from projections.projection import Row
from projections.revenue_rules import Rules


class Change(NamedTuple):
    """What one subscription adds to its customer's exact MRR at an instant, or takes from it.

    `incomplete` is +1 where an amount that leaves something out begins to count, and -1 where one ends.
    """

    subscription_id: str
    amount: Fraction
    incomplete: int
    cause: str
    begins: bool
    version: Row


class Standing(NamedTuple):
    """A customer's MRR in one currency: exactly, and in whole minor units.

    `incomplete` counts the amounts in it that leave something out.
    """

    exact: Fraction
    mrr: int
    incomplete: int

    @property
    def paying(self) -> bool:
        """Whether it is, or for all that is known may be, more than nothing."""
        return self.mrr != 0 or self.incomplete > 0

    def after(self, changes: Sequence[Change]) -> "Standing":
        exact = sum((change.amount for change in changes), self.exact)
        return Standing(exact, round(exact), self.incomplete + sum(change.incomplete for change in changes))


NOTHING = Standing(Fraction(0), 0, 0)

Instants = dict[datetime, tuple[list[Change], list[Change]]]
"""What happens at each instant: the openings, and then all else."""


def fold(gathered: Gathered, rules: Rules) -> Iterator[Row]:
    """The movements of one customer, from its subscriptions' versions and its discounts, in any order."""
    discounts = inheritable(gathered["customer_discounts"])
    payments: defaultdict[str, list[Row]] = defaultdict(list)
    for row in gathered["trial_payments"]:
        payments[row["subscription_id"]].append(row)
    by_currency: defaultdict[str, Instants] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    for version in gathered["subscription_versions"]:
        currency = version["currency"]
        for told in version["mrr"]:
            for span in spans(told, currency, discounts, payments[version["subscription_id"]]):
                _enter(span, version, by_currency[currency])
    for currency, instants in sorted(by_currency.items()):
        standing, paid_before = NOTHING, False
        for at, (openings, others) in sorted(instants.items()):
            for opening, changes in ((True, openings), (False, others)):
                if not changes:
                    continue
                before, standing = standing, standing.after(changes)
                kind = "opening" if opening else _kind(before, standing, paid_before)
                paid_before = paid_before or opening or standing.paying
                if before.mrr != standing.mrr or bool(before.incomplete) != bool(standing.incomplete):
                    movement = _movement(before, standing, changes)
                    yield {"currency": currency, "at": at, "kind": kind, **movement}


def _enter(span: Span, version: Row, instants: Instants) -> None:
    begin = Change(version["subscription_id"], span.amount, int(span.incomplete), span.cause, True, version)
    openings, others = instants[span.since]
    (openings if span.opening else others).append(begin)
    if span.until is not None:
        assert span.ended_by is not None
        end = Change(
            version["subscription_id"], -span.amount, -span.incomplete, span.ended_by, False, version
        )
        instants[span.until][1].append(end)


def _kind(before: Standing, after: Standing, paid_before: bool) -> str:
    if not before.paying:
        return "reactivation" if paid_before else "new"
    if not after.paying:
        return "churn"
    return "contraction" if after.mrr < before.mrr else "expansion"


def _movement(before: Standing, after: Standing, changes: Sequence[Change]) -> Row:
    """What is told of a movement: cause and plan are those of the greatest change that made it."""
    by_subscription: defaultdict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_subscription[change.subscription_id].append(change)
    net = {name: NOTHING.after(its) for name, its in by_subscription.items()}
    moved = sorted(name for name, change in net.items() if change != NOTHING)
    main = max(moved, key=lambda name: (abs(net[name].exact), name))
    # Where one version follows another, the change is the new one's doing.
    told = max(by_subscription[main], key=lambda change: (change.begins, change.version["number"]))
    return {
        "amount": after.mrr - before.mrr,
        "mrr_before": before.mrr,
        "mrr_after": after.mrr,
        "incomplete": before.incomplete > 0 or after.incomplete > 0,
        "incomplete_before": before.incomplete > 0,
        "incomplete_after": after.incomplete > 0,
        "cause": told.cause,
        "subscription_ids": moved,
        "plan_type": told.version["plan_type"],
        "price_id": told.version["price_id"],
        "source": told.version["source"],
        "stale": any(change.version["stale"] for change in changes),
    }


AGGREGATE = Aggregate(
    table="mrr_movements",
    reads={
        "subscription_versions": (
            "subscription_id",
            "number",
            "currency",
            "mrr",
            "plan_type",
            "price_id",
            "source",
            "stale",
        ),
        "customer_discounts": (
            "since",
            "until",
            "cause",
            "ended_by",
            "coupon_id",
            "duration",
            "percent_off",
            "amounts_off",
            "products",
            "subtracts",
        ),
        "trial_payments": ("invoice_id", "subscription_id", "paid_at"),
    },
    fold=fold,
    owner="customer_id",
    key=("currency", "at", "kind"),
)
