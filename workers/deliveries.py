"""Deliveries: which kind of message goes out in which way."""

from collections.abc import Callable, Mapping

from ingest.settings import Settings
from workers import callback, order_delivery
from workers.outbox import Deliver

DELIVERIES: Mapping[str, Callable[[Settings], Deliver]] = {
    "access": callback.delivery,
    "payment": callback.delivery,
    "order": order_delivery.delivery,
}
"""By kind of message, as the outbox names it."""
