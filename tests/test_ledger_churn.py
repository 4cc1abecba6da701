"""The ledger and the table of churn tell one story: both follow from the same versions."""

from collections import defaultdict

import pytest

from ingest.event import Event
from projections.causality import order
from projections.churn import PROJECTION as CHURN
from projections.revenue_rules import Rules
from tests.ledgers import movements
from tests.pipeline import delivered
from tests.simulated import business
from workers.simulator import VERSIONS as API_VERSIONS


def subscriptions(api_version: str) -> list[list[Event]]:
    found: defaultdict[str | None, list[Event]] = defaultdict(list)
    for each in map(delivered, business(version=api_version).bodies()):
        if each.object_type == "subscription":
            found[each.object_id].append(each)
    return [order(its) for its in found.values()]


@pytest.mark.parametrize("api_version", [API_VERSIONS[0], API_VERSIONS[-1]])
@pytest.mark.parametrize("unseen", [0, 1, 2])
@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(past_due_days=3), Rules(churn_at="request", discounts="all"), Rules(discounts="none")],
)
def test_a_subscriber_alone_churns_in_both_at_the_same_instant_for_the_same_amount(
    api_version: str, unseen: int, rules: Rules
) -> None:
    compared = 0
    for events in subscriptions(api_version):
        heard = events[unseen:]
        if not heard:
            continue
        churned = [(row["churned_at"], -row["monthly_amount"]) for row in CHURN.rows(heard, {}, rules)]
        last = movements(*heard, rules=rules)[-1:]
        assert churned == [(row["at"], row["amount"]) for row in last if row["kind"] == "churn"]
        compared += len(churned)
    assert compared
