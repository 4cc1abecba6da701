"""Deliveries: which kind of message goes out in which way."""

from collections.abc import Callable, Mapping

from ingest.settings import Settings
from workers import callback
from workers.outbox import Deliver

DELIVERIES: Mapping[str, Callable[[Settings], Deliver]] = {
    "access": callback.delivery,
    "payment": callback.delivery,
}
"""By kind of message, as the outbox names it."""
