"""Whose an object of Stripe's is: a source acts on its own, and on what none of our sources asked for.

An object says whose it is by `metadata.source`, or its customer does: a payment that a subscription's invoice
collects bears nothing itself. What was made in the dashboard or by another system names no source, and may be
acted on by any.
"""

from collections.abc import Callable, Mapping
from typing import Any

import stripe

from ingest.job import ANOTHER_SOURCE
from ingest.settings import label
from workers.job_attempt import Attempt
from workers.stripe_client import Object, plain
from workers.verbs import Problem, Reject

BELONGS_TO = ("payment_intent", "customer")
"""What stands for an object that does not say whose it is, in this order."""

NOT_YOURS: Problem = {
    "type": "about:blank",
    "title": "It belongs to another source",
    "status": 403,
    "detail": "what this id names was asked for by another source",
    "code": ANOTHER_SOURCE,
}

Retrieve = Callable[[str, Any], stripe.StripeObject]


def own(attempt: Attempt, retrieve: Retrieve, object_id: str, *expand: str) -> Object:
    """The object as it is now, its customer by id. Raises Reject where it is another source's."""
    found = plain(retrieve(object_id, {"expand": ["customer", *expand]}))
    _refuse_anothers(attempt, found, *(found.get(name) for name in BELONGS_TO))
    return {**found, **{name: _id(found[name]) for name in BELONGS_TO if name in found}}


def refuse_anothers_customer(attempt: Attempt, customer_id: str) -> None:
    """Raises Reject where the customer is another source's."""
    _refuse_anothers(attempt, plain(attempt.v1.customers.retrieve(customer_id)))


def _refuse_anothers(attempt: Attempt, *owners: Any) -> None:
    named = ((one.get("metadata") or {}).get("source") for one in owners if isinstance(one, Mapping))
    source = next(filter(None, named), None)
    if source is not None and label(source) != label(attempt.job.source):
        raise Reject(NOT_YOURS)


def _id(named: Any) -> Any:
    return named["id"] if isinstance(named, Mapping) else named
