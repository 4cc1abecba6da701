"""Bringing a shop's order in line with what became of its payment, through the shop's REST API.

The shop knows no idempotency keys and an attempt may be cut off anywhere. So each looks at the order first,
writes what is missing, and a note last, which bears its cause: where the note stands, all is done.
"""

from datetime import timedelta

from ingest.settings import Settings, label
from ingest.woocommerce import Json, ShopFailure, UnknownOrder, WooCommerce
from workers.order_change import REFUND_MARK, change_of
from workers.outbox import Deliver, Message, Undelivered


def delivery(settings: Settings) -> Deliver:
    """Writes to the shop of the message's origin."""
    shops = {source: WooCommerce(shop) for source, shop in settings.shops.items()}

    def deliver(message: Message) -> None:
        shop = shops.get(label(message.origin or ""))
        if shop is None:
            raise Undelivered("there is no WOOCOMMERCE_URL for its origin any more")
        try:
            bring_in_line(shop, message)
        except ShopFailure as failure:
            raise Undelivered(str(failure), timedelta(seconds=failure.pause)) from failure
        except UnknownOrder as failure:
            raise Undelivered(str(failure)) from failure

    return deliver


def bring_in_line(shop: WooCommerce, message: Message) -> None:
    """Write what of the message the order does not say yet. Raises ShopFailure and UnknownOrder."""
    told = message.message
    order_id = told["order_id"]
    change = change_of(shop.order(order_id), told)
    mark = f"[{message.cause}]"
    if change.note and any(mark in note for note in shop.notes(order_id)):
        return
    if change.refund and not any(_names(known, told["reference"]) for known in shop.refunds(order_id)):
        shop.add_refund(order_id, dict(change.refund))
    if change.fields:
        order = shop.update(order_id, **change.fields)
        if change.fields.get("set_paid") and order.date_paid_gmt is None:
            raise ShopFailure("the shop took the payment and did not mark the order as paid")
    if change.note:
        shop.add_note(order_id, f"{change.note} {mark}")


def _names(refund: Json, reference: str) -> bool:
    marks = refund.get("meta_data") or []
    return any(one.get("key") == REFUND_MARK and one.get("value") == reference for one in marks)
