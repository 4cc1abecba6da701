"""A customer's ledger from the events of its subscriptions and discounts, without a database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from ingest.event import Event
from projections import (
    customer_discounts,
    discount_versions,
    ledger,
    shown_discounts,
    subscription_history,
    trial_payments,
)
from projections.aggregate import Aggregate
from projections.causality import order
from projections.projection import Projection, Row
from projections.revenue_rules import DEFAULT, Rules

PROJECTIONS = (
    subscription_history.PROJECTION,
    discount_versions.PROJECTION,
    shown_discounts.PROJECTION,
    trial_payments.PROJECTION,
)

Rows = list[dict[str, Any]]


def movements(*events: Event, rules: Rules = DEFAULT) -> Rows:
    """The ledger of one customer, whose objects these events tell of."""
    tables = gathered(events, rules)
    return [dict(row) for row in _fold(ledger.AGGREGATE, tables, rules)]


def discounts(*events: Event, rules: Rules = DEFAULT) -> Rows:
    """When one customer had which discount."""
    return gathered(events, rules)["customer_discounts"]


def gathered(events: Iterable[Event], rules: Rules) -> Mapping[str, Rows]:
    """What the ledger is made of, as a database gives it back."""
    tables = {each.table: rows(each, events, rules) for each in PROJECTIONS}
    tables["customer_discounts"] = stored(_fold(customer_discounts.AGGREGATE, tables, rules))
    return tables


def _fold(aggregate: Aggregate, tables: Mapping[str, Rows], rules: Rules) -> Iterable[Row]:
    return aggregate.fold({name: tables[name] for name in aggregate.reads}, rules)


def rows(projection: Projection, events: Iterable[Event], rules: Rules) -> Rows:
    """What a projection makes of those objects that it reads."""
    objects: defaultdict[tuple[str, str | None], list[Event]] = defaultdict(list)
    for each in events:
        if each.object_type in projection.reads:
            objects[each.object_type, each.object_id].append(each)
    told = {"stale": False}
    return stored(
        {**told, projection.owner: object_id, **row}
        for (_, object_id), its in objects.items()
        for row in projection.rows(order(its), {}, rules)
    )


def stored(found: Iterable[Mapping[str, Any]]) -> Rows:
    """Rows as JSON brings them back."""
    kept: Sequence[Any] = orjson.loads(orjson.dumps([dict(row) for row in found]))
    return list(kept)
