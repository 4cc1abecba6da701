"""Customers: one row each, as Stripe last described it; a deleted one stays, and says so."""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import id_of, instant, metadata, nested, optional, required, required_instant
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    customer = event.object
    deleted = event.type == "customer.deleted" or optional(customer, "deleted", bool) is True
    said = metadata(customer)
    balance = optional(customer, "balance", int)
    yield {
        "id": required(customer, "id", str),
        "email": optional(customer, "email", str),
        "name": optional(customer, "name", str),
        "user_id": optional(said, "user_id", str),
        "currency": optional(customer, "currency", str),
        # `account_balance` until 2019-10-17.
        "balance": optional(customer, "account_balance", int) if balance is None else balance,
        "delinquent": optional(customer, "delinquent", bool),
        "default_payment_method_id": id_of(nested(customer, "invoice_settings"), "default_payment_method")
        or id_of(customer, "default_source"),
        "deleted": deleted,
        "metadata": said,
        # A deletion may bring a stub that has its id and nothing else.
        "created_at": (instant if deleted else required_instant)(customer, "created"),
    }


PROJECTION = Projection(table="customers", reads=("customer",), fold=fold)
