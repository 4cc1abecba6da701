"""Bring Stripe in line with a shop's order: one PaymentIntent while it awaits payment, none open afterwards.

Several of these may run at once for one order, and none waits for another: each works from the newest facts
and, when it has written, looks whether they still are. So whoever writes last has written what is newest.
What is made is made under a key of the order's, with nothing in it that two jobs could say differently but
the total, which is put right afterwards.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.money import BadAmount
from ingest.orders import Known, Orders
from workers import payment_intent_result
from workers.idempotency import REMEMBERED
from workers.job_attempt import PAGE, Attempt, Made
from workers.stripe_client import Object, plain
from workers.verbs import Reject

CHANGEABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELABLE = CHANGEABLE | {"requires_capture"}
RECENT = timedelta(days=2)
"""Within it a list finds what an earlier attempt made; Search, which lags, finds what is older."""


def perform(attempt: Attempt) -> Made:
    orders = Orders(attempt.redis, attempt.settings)
    order_id = attempt.command["order_id"]
    known = _known(attempt, orders, order_id)
    while True:
        intent = OrderPayment(attempt, orders, known).brought_in_line()
        now = _known(attempt, orders, order_id)
        if now.revision == known.revision:
            return payment_intent_result.made(intent) if intent else Made({"object": "order", "id": order_id})
        known = now


class OrderPayment:
    """The payment of one order, as one revision of it wants it."""

    def __init__(self, attempt: Attempt, orders: Orders, known: Known) -> None:
        self._attempt = attempt
        self._intents = attempt.v1.payment_intents
        self._orders = orders
        self._order = known.order
        self._revision = known.revision
        self._intent_id = known.intent_id
        self._source = attempt.job.source

    def brought_in_line(self) -> Object | None:
        """The order's PaymentIntent as it is now; None where it has none and needs none."""
        intent = plain(self._intents.retrieve(self._intent_id)) if self._intent_id else None
        if self._order.wish == "pay":
            return self._payable(intent)
        if self._order.wish == "close" and intent and intent["status"] in CANCELABLE:
            return self._canceled(intent)
        return intent

    def _payable(self, intent: Object | None) -> Object:
        amount = self._amount()
        if intent is None or intent["status"] == "canceled":
            intent = self._made(amount, intent)
            self._orders.keep_intent(self._source, self._order.id, intent["id"])
        wanted = {"amount": amount, "currency": self._order.stripe_currency}
        if intent["status"] in CHANGEABLE and any(intent[name] != value for name, value in wanted.items()):
            return self._changed(intent, wanted)
        return intent

    def _amount(self) -> int:
        try:
            return self._order.amount
        except BadAmount as error:
            problem = {"type": "about:blank", "title": "No such amount", "status": 422, "detail": str(error)}
            raise Reject(problem) from None

    def _made(self, amount: int, canceled: Object | None) -> Object:
        """The PaymentIntent that takes the place of a canceled one, or is the order's first."""
        name = f"order:{self._source}:{self._order.id}" + (f":{canceled['id']}" if canceled else "")
        parameters: Any = {
            "amount": amount,
            "currency": self._order.stripe_currency,
            "automatic_payment_methods": {"enabled": True},
            "metadata": {**self._marks(), "order_number": self._order.number},
        }
        return self._attempt.create(
            lambda options: self._intents.create(parameters, options),
            look=self._found,
            name=name,
            # Stripe forgets keys within a day, and Redis might have forgotten the intent of an older order.
            look_first=datetime.now(UTC) - self._order.date_created_gmt > REMEMBERED,
        )

    def _changed(self, intent: Object, wanted: Any) -> Object:
        return self._attempt.change(
            lambda options: self._intents.update(intent["id"], wanted, options),
            look=lambda: None,  # the same facts once more change nothing
            name=f"{self._attempt.job.id}:{self._revision}",
        )

    def _canceled(self, intent: Object) -> Object:
        def canceled() -> Object | None:
            now = plain(self._intents.retrieve(intent["id"]))
            return now if now["status"] == "canceled" else None

        return self._attempt.change(
            lambda options: self._intents.cancel(intent["id"], {"cancellation_reason": "abandoned"}, options),
            look=canceled,
            name=f"{self._attempt.job.id}:{self._revision}",
        )

    def _marks(self) -> dict[str, str]:
        return {"source": self._source, "order_id": str(self._order.id)}

    def _found(self) -> Object | None:
        """The order's PaymentIntent, made by an attempt that could not write it down."""
        since = int((datetime.now(UTC) - RECENT).timestamp())
        recent = self._intents.list({"created": {"gte": since}, "limit": PAGE})
        query = " AND ".join(f"metadata['{name}']:'{value}'" for name, value in self._marks().items())
        for found in (*recent.auto_paging_iter(), *self._intents.search({"query": query}).data):
            intent = plain(found)
            marks = self._marks().items() <= (intent.get("metadata") or {}).items()
            if marks and intent["status"] != "canceled":
                return intent
        return None


def _known(attempt: Attempt, orders: Orders, order_id: int) -> Known:
    known = orders.read(attempt.job.source, order_id)
    if known is None:
        problem = {"type": "about:blank", "title": "No such order", "status": 404}
        raise Reject({**problem, "detail": "the order is not known any more: it was last told of long ago"})
    return known
