"""Trial payments: the paid invoices by which a subscription may begin to count once its trial is over.

There are rows only where the configured rules have it count from its first payment.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import customer_of, instant, nested, optional, required
from projections.invoice_fields import invoice_status, invoice_subscription
from projections.projection import Projection, Row
from projections.revenue_rules import Rules


def fold(event: Event, rules: Rules) -> Iterator[Row]:
    invoice = event.object
    if rules.trial != "first_payment" or event.type == "invoice.deleted":
        return
    subscription_id, customer_id = invoice_subscription(invoice), customer_of(invoice)
    # What comes with a subscription's creation is no payment for what follows its trial.
    later = optional(invoice, "billing_reason", str) != "subscription_create"
    paid = optional(invoice, "amount_paid", int)
    if paid is None:  # as before 2018: it was paid whole or not at all
        paid = required(invoice, "amount_due", int)
    if later and paid > 0 and subscription_id and customer_id and invoice_status(invoice) == "paid":
        yield {
            "invoice_id": required(invoice, "id", str),
            "subscription_id": subscription_id,
            "customer_id": customer_id,
            "paid_at": instant(nested(invoice, "status_transitions"), "paid_at") or event.created_at,
        }


PROJECTION = Projection(table="trial_payments", reads=("invoice",), fold=fold, owner="invoice_id", ruled=True)
