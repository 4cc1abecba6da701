"""Invoice lines: what an invoice is made of, as the newest event of the invoice lists it.

Stripe embeds the first ten lines; `invoices.lines_complete` says whether these are all.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.billing_fields import decimal_text
from projections.fields import instant, metadata, nested, optional, required
from projections.invoice_fields import Line, invoice_lines, tax
from projections.plan_types import plan_type_of_id
from projections.projection import Plans, Projection, Row


def fold(event: Event, plans: Plans) -> Iterator[Row]:
    if event.type == "invoice.deleted":
        return
    invoice_id = required(event.object, "id", str)
    for source in invoice_lines(event.object):
        line = Line.read(source)
        yield {
            "invoice_id": invoice_id,
            # The stable name stood in `unique_id` until 2019-12-03, and `id` was that of the line's origin.
            "id": optional(source, "unique_id", str) or required(source, "id", str),
            "type": line.type,
            "description": optional(source, "description", str),
            "currency": required(source, "currency", str),
            "amount": required(source, "amount", int),
            "tax": tax(source, "taxes"),
            "quantity": optional(source, "quantity", int),
            "unit_amount_decimal": decimal_text(line.unit_amount),
            "price_id": line.price_id,
            "product_id": line.product_id,
            # Not by the price's metadata, which only old versions bring along: `price_list` has them for all.
            "plan_type": plan_type_of_id(line.price_id, plans),
            "proration": line.proration,
            "period_start": instant(nested(source, "period"), "start"),
            "period_end": instant(nested(source, "period"), "end"),
            "subscription_id": line.subscription_id,
            "subscription_item_id": line.subscription_item_id,
            "invoice_item_id": line.invoice_item_id,
            "metadata": metadata(source),
        }


PROJECTION = Projection(
    table="invoice_lines", reads=("invoice",), fold=fold, owner="invoice_id", key=("id",), configured=True
)
