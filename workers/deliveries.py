"""Deliveries: which kind of message goes out in which way."""

from collections.abc import Callable, Mapping

from ingest.settings import Settings
from workers.outbox import Message

Deliver = Callable[[Message], None]
"""Delivers one message, in a thread of its own, well within the lease. Raises Undelivered."""

DELIVERIES: Mapping[str, Callable[[Settings], Deliver]] = {}
"""By kind of message, as the outbox names it."""
