"""The objects of a pretended Stripe account, and what happens to them: in the shape of 2026-10-28.endive."""

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

Shape = dict[str, Any]

MONTH = 30 * 86_400


class Refused(Exception):
    """An answer of Stripe's other than success."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {
            "type": more.pop("type", "invalid_request_error"),
            "code": code,
            "message": message,
            **more,
        }


class Account:
    """What exists. `tell` receives every event; `clock` is in whole seconds, and a test may set it."""

    def __init__(self, tell: Callable[[str, Shape, Shape | None], None]) -> None:
        self.objects: dict[str, Shape] = {}
        self.clock: Callable[[], int] = lambda: int(time.time())
        self._tell = tell

    def of(self, kind: str) -> list[Shape]:
        """All objects of a kind, the newest first."""
        return [each for each in reversed(self.objects.values()) if each["object"] == kind]

    def get(self, object_id: str, param: str = "id") -> Shape:
        if object_id not in self.objects:
            raise Refused(404, "resource_missing", f"No such object: '{object_id}'", param=param)
        return self.objects[object_id]

    def make(self, kind: str, prefix: str, event: str | None, **fields: Any) -> Shape:
        made = {
            "id": f"{prefix}_{uuid4().hex[:20]}",
            "object": kind,
            "created": self.clock(),
            "livemode": False,
            "metadata": {},
            **fields,
        }
        if kind in ("balance_transaction", "discount"):  # which do not say it
            del made["livemode"]
        self.objects[made["id"]] = made
        if event:
            self._tell(event, made, None)
        return made

    def change(self, subject: Shape, event: str, **fields: Any) -> Shape:
        previous = {
            name: copy.deepcopy(subject.get(name)) for name in fields if subject.get(name) != fields[name]
        }
        subject.update(fields)
        self._tell(event, subject, previous if event.endswith(".updated") else None)
        return subject

    # ------------------------------------------------------------------ customers

    def create_customer(self, given: Shape) -> Shape:
        facts = {name: given.get(name) for name in ("email", "name")}
        return self.make(
            "customer", "cus", "customer.created", **facts, metadata=given.get("metadata", {}), balance=0,
            currency=None, delinquent=False, invoice_settings={}, phone=None, description=None,
        )  # fmt: skip

    def update_customer(self, customer: Shape, given: Shape) -> Shape:
        metadata = {**customer["metadata"], **given.pop("metadata", {})}
        return self.change(customer, "customer.updated", **given, metadata=metadata)

    # ------------------------------------------------------------------ payments

    def create_payment_intent(self, given: Shape) -> Shape:
        if "customer" in given:
            self.get(given["customer"], "customer")
        return self.make(
            "payment_intent", "pi", "payment_intent.created", **intent_fields(given),
        )  # fmt: skip

    def pay(self, intent: Shape) -> Shape:
        """The customer pays: at once, or as a hold where it is captured manually."""
        held = intent["capture_method"] == "manual"
        charge = self._charge(intent, "succeeded", captured=not held)
        if held:
            changes = {"status": "requires_capture", "amount_capturable": intent["amount"]}
            return self.change(
                intent, "payment_intent.amount_capturable_updated", latest_charge=charge["id"], **changes
            )
        return self._received(intent, intent["amount"], charge)

    def decline(self, intent: Shape, code: str = "insufficient_funds") -> Shape:
        """The card is declined; the intent may be tried again."""
        charge = self._charge(intent, "failed", captured=False)
        error = {"type": "card_error", "code": "card_declined", "decline_code": code, "message": "Declined."}
        return self.change(
            intent, "payment_intent.payment_failed", latest_charge=charge["id"], last_payment_error=error
        )

    def capture(self, intent: Shape, given: Shape) -> Shape:
        self._expect(intent, "requires_capture")
        charge = self.get(intent["latest_charge"])
        amount = int(given.get("amount_to_capture", intent["amount"]))
        self.change(charge, "charge.captured", captured=True, amount_captured=amount)
        return self._received(intent, amount, charge)

    def cancel_payment_intent(self, intent: Shape, given: Shape) -> Shape:
        self._expect(intent, "requires_payment_method", "requires_confirmation", "requires_capture")
        reason = given.get("cancellation_reason")
        return self.change(
            intent, "payment_intent.canceled", status="canceled", canceled_at=self.clock(),
            cancellation_reason=reason, amount_capturable=0,
        )  # fmt: skip

    def refund(self, given: Shape) -> Shape:
        intent_id = given.get("payment_intent") or self.get(given["charge"])["payment_intent"]
        intent = self.get(intent_id, "payment_intent")
        charge = self.get(intent["latest_charge"] or "", "charge")
        amount = int(given.get("amount", charge["amount"] - charge["amount_refunded"]))
        if not 0 < amount <= charge["amount"] - charge["amount_refunded"]:
            raise Refused(400, "charge_already_refunded", f"Charge {charge['id']} has already been refunded.")
        refund = self.make(
            "refund", "re", "refund.created", amount=amount, charge=charge["id"], currency=charge["currency"],
            payment_intent=intent["id"], reason=given.get("reason"), status="succeeded",
            metadata=given.get("metadata", {}), balance_transaction=None,
        )  # fmt: skip
        refunded = charge["amount_refunded"] + amount
        self.change(
            charge, "charge.refunded", amount_refunded=refunded, refunded=refunded == charge["amount"]
        )
        return refund

    def _charge(self, intent: Shape, status: str, *, captured: bool) -> Shape:
        paid = status == "succeeded"
        return self.make(
            "charge", "ch", f"charge.{status}", amount=intent["amount"], amount_refunded=0, refunded=False,
            amount_captured=intent["amount"] if captured else 0, captured=captured, paid=paid, status=status,
            currency=intent["currency"], customer=intent["customer"], payment_intent=intent["id"],
            metadata=intent["metadata"], balance_transaction=None, disputed=False, outcome=None,
            payment_method=None, payment_method_details=None, billing_details={}, receipt_email=None,
        )  # fmt: skip

    def _received(self, intent: Shape, amount: int, charge: Shape) -> Shape:
        return self.change(
            intent, "payment_intent.succeeded", status="succeeded", amount_received=amount,
            amount_capturable=0, latest_charge=charge["id"], last_payment_error=None,
        )  # fmt: skip

    def _expect(self, intent: Shape, *statuses: str) -> None:
        if intent["status"] not in statuses:
            message = f"This PaymentIntent could not be changed: its status is {intent['status']}."
            raise Refused(400, "payment_intent_unexpected_state", message)

    # ------------------------------------------------------------------ subscriptions

    def price(self, price_id: str, amount: int, interval: str = "month", currency: str = "usd") -> Shape:
        """A price that is sold; told to nobody."""
        recurring = {"interval": interval, "interval_count": 1, "usage_type": "licensed", "meter": None}
        price = self.make(
            "price", "price", None, active=True, billing_scheme="per_unit", currency=currency,
            product="prod_1", recurring=recurring, type="recurring", unit_amount=amount,
            unit_amount_decimal=str(amount), tiers_mode=None, nickname=None, lookup_key=None,
            transform_quantity=None,
        )  # fmt: skip
        del self.objects[price["id"]]
        self.objects[price_id] = price | {"id": price_id}
        return self.objects[price_id]

    def create_subscription(self, given: Shape) -> Shape:
        self.get(given["customer"], "customer")
        [asked] = given["items"]
        price = self.get(asked["price"], "items[0][price]")
        now, trial = self.clock(), int(given.get("trial_period_days", 0)) * 86_400
        subscription = self.make(
            "subscription", "sub", None, **subscription_fields(given, now, trial), currency=price["currency"],
        )  # fmt: skip
        item = {
            "id": f"si_{uuid4().hex[:14]}", "object": "subscription_item", "price": price, "created": now,
            "quantity": int(asked.get("quantity", 1)), "subscription": subscription["id"], "metadata": {},
            "discounts": [], "current_period_start": now, "current_period_end": now + (trial or MONTH),
        }  # fmt: skip
        subscription["items"] = {"object": "list", "data": [item], "has_more": False}
        if trial:
            subscription["pending_setup_intent"] = self._setup_intent(subscription)["id"]
        else:
            subscription["latest_invoice"] = self._invoice(subscription)["id"]
        self._tell("customer.subscription.created", subscription, None)
        return subscription

    def update_subscription(self, subscription: Shape, given: Shape) -> Shape:
        changes: Shape = {"metadata": {**subscription["metadata"], **given.get("metadata", {})}}
        changes["metadata"] = {name: value for name, value in changes["metadata"].items() if value != ""}
        for asked in given.get("items", ()):
            item = copy.deepcopy(subscription["items"]["data"][0])
            item["price"] = self.get(asked.get("price", item["price"]["id"]), "items[0][price]")
            item["quantity"] = int(asked.get("quantity", item["quantity"]))
            changes["items"] = {**subscription["items"], "data": [item]}
        if "cancel_at_period_end" in given:
            ends = given["cancel_at_period_end"] == "true"
            until = subscription["items"]["data"][0]["current_period_end"] if ends else None
            changes |= {"cancel_at_period_end": ends, "cancel_at": until}
            changes["canceled_at"] = self.clock() if ends else None
        elif given.get("cancel_at") == "":
            changes |= {"cancel_at": None, "canceled_at": None}
        return self.change(subscription, "customer.subscription.updated", **changes)

    def cancel_subscription(self, subscription: Shape, given: Shape) -> Shape:
        if subscription["status"] == "canceled":
            raise Refused(
                404, "resource_missing", f"No such subscription: '{subscription['id']}'", param="id"
            )
        now = self.clock()
        details = {"comment": None, "feedback": None, "reason": "cancellation_requested"}
        return self.change(
            subscription, "customer.subscription.deleted", status="canceled", canceled_at=now, ended_at=now,
            cancellation_details=details | given.get("cancellation_details", {}),
        )  # fmt: skip

    def become(self, subscription: Shape, status: str, **fields: Any) -> Shape:
        """The subscription's status changes, as by a payment that came, failed or was given up."""
        event = "deleted" if status == "canceled" else "updated"
        if status == "canceled":
            fields |= {"ended_at": self.clock(), "canceled_at": self.clock()}
        return self.change(subscription, f"customer.subscription.{event}", status=status, **fields)

    def renew(self, subscription: Shape, status: str = "active") -> Shape:
        """The next period begins; `past_due` where its payment failed."""
        items = copy.deepcopy(subscription["items"])
        [item] = items["data"]
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] += MONTH
        return self.become(subscription, status, items=items)

    def _invoice(self, subscription: Shape) -> Shape:
        [item] = subscription["items"]["data"]
        amount = item["price"]["unit_amount"] * item["quantity"]
        secret = f"pi_{uuid4().hex[:20]}_secret_{uuid4().hex}"
        return self.make(
            "invoice", "in", None, amount_due=amount, status="open", customer=subscription["customer"],
            currency=subscription["currency"], subscription=None,
            confirmation_secret={"client_secret": secret, "type": "payment_intent"},
        )  # fmt: skip

    def _setup_intent(self, subscription: Shape) -> Shape:
        secret = f"seti_{uuid4().hex[:20]}_secret_{uuid4().hex}"
        return self.make(
            "setup_intent", "seti", None, client_secret=secret, customer=subscription["customer"],
            status="requires_payment_method",
        )  # fmt: skip


def intent_fields(given: Shape) -> Shape:
    """A new PaymentIntent's fields besides its identity."""
    if int(given["amount"]) < 50:
        raise Refused(400, "amount_too_small", "Amount must be at least $0.50 usd", param="amount")
    return {
        "amount": int(given["amount"]), "amount_capturable": 0, "amount_received": 0,
        "automatic_payment_methods": {"enabled": True}, "canceled_at": None, "cancellation_reason": None,
        "capture_method": given.get("capture_method", "automatic_async"),
        "client_secret": f"pi_{uuid4().hex[:20]}_secret_{uuid4().hex}", "currency": given["currency"],
        "customer": given.get("customer"), "description": None, "last_payment_error": None,
        "latest_charge": None, "metadata": given.get("metadata", {}), "payment_method": None,
        "payment_method_types": ["card"], "receipt_email": given.get("receipt_email"),
        "setup_future_usage": None, "status": "requires_payment_method",
    }  # fmt: skip


def subscription_fields(given: Shape, now: int, trial: int) -> Shape:
    """A new subscription's fields besides its identity and its items."""
    return {
        "billing_cycle_anchor": now, "cancel_at": None, "cancel_at_period_end": False, "canceled_at": None,
        "cancellation_details": None, "collection_method": "charge_automatically",
        "customer": given["customer"], "default_payment_method": None, "discounts": [], "ended_at": None,
        "latest_invoice": None, "metadata": given.get("metadata", {}), "pause_collection": None,
        "pending_setup_intent": None, "schedule": None, "start_date": now,
        "status": "trialing" if trial else "incomplete",
        "trial_end": now + trial if trial else None, "trial_start": now if trial else None,
    }  # fmt: skip


def matching(objects: list[Shape], query: Shape) -> Iterator[Shape]:
    """What a list with these filters holds."""
    created = query.get("created", {})
    since, until = int(created.get("gte", 0)), int(created.get("lte", 1 << 40))
    named = {name: query[name] for name in ("customer", "payment_intent", "charge") if name in query}
    for each in objects:
        if since <= each["created"] <= until and all(
            each.get(name) == value for name, value in named.items()
        ):
            yield each
