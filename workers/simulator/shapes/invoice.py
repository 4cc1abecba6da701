"""Invoices and their payments as Stripe shapes them, in each API version."""

from workers.simulator.billing_facts import Invoice, InvoicePayment
from workers.simulator.dialect import BASIL, CUSTOMER_ACCOUNT, ENDIVE, Dialect
from workers.simulator.shapes.discount import discount
from workers.simulator.shapes.invoice_line import line
from workers.simulator.shapes.shape import Shape, listing, secret


def invoice(fact: Invoice, dialect: Dialect) -> Shape:
    person, paid = fact.customer.person, fact.status == "paid"
    due = fact.amount_due
    hosted = (
        f"https://invoice.stripe.com/i/acct_{fact.customer.id[4:]}/live_{secret(fact.id)}"
        if fact.number
        else None
    )
    shape: Shape = {
        "id": fact.id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Example Platform",
        "account_tax_ids": None,
        "amount_due": due,
        "amount_paid": fact.amount_paid,
        "amount_remaining": due - fact.amount_paid,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": fact.attempts,
        "attempted": fact.attempts > 0 or paid,
        "auto_advance": fact.auto_advance,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "status": None},
        "automatically_finalizes_at": fact.created + 3600 if fact.status == "draft" else None,
        "billing_reason": fact.billing_reason,
        "collection_method": "send_invoice" if fact.days_until_due else "charge_automatically",
        "created": fact.created,
        "currency": fact.currency,
        "custom_fields": None,
        "customer": fact.customer.id,
        "customer_address": person.address,
        "customer_email": person.email,
        "customer_name": person.name,
        "customer_phone": person.phone,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [discount.id for discount in fact.discounts],
        "due_date": fact.due_date,
        "effective_at": fact.finalized_at,
        "ending_balance": None if fact.status == "draft" else fact.ending_balance,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": hosted,
        "invoice_pdf": hosted and f"{hosted}/pdf",
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": listing(
            f"/v1/invoices/{fact.id or 'upcoming'}/lines",
            [line(entry, fact, dialect) for entry in fact.lines],
        ),
        "livemode": dialect.livemode,
        "metadata": dict(fact.metadata),
        "next_payment_attempt": fact.next_attempt,
        "number": fact.number,
        "on_behalf_of": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": fact.period.end,
        "period_start": fact.period.start,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": fact.starting_balance,
        "statement_descriptor": None,
        "status": fact.status,
        "status_transitions": {
            "finalized_at": fact.finalized_at,
            "marked_uncollectible_at": fact.uncollectible_at,
            "paid_at": fact.paid_at,
            "voided_at": fact.voided_at,
        },
        "subtotal": fact.subtotal,
        "subtotal_excluding_tax": fact.subtotal,
        "test_clock": None,
        "total": fact.total,
        "total_discount_amounts": [
            {"amount": fact.discounted, "discount": discount.id} for discount in fact.discounts
        ],
        "total_excluding_tax": fact.total - fact.tax,
        "webhooks_delivered_at": fact.created if fact.finalized_at else None,
    }
    if not fact.id:  # a preview of the next invoice
        del shape["id"]
    return shape | (_before_basil if dialect.before(BASIL) else _since_basil)(fact, dialect)


def _before_basil(fact: Invoice, dialect: Dialect) -> Shape:
    return {
        "application_fee_amount": None,
        "charge": fact.charge_id,
        "discount": discount(fact.discounts[0], dialect) if fact.discounts else None,
        "paid": fact.status == "paid",
        "paid_out_of_band": False,
        "payment_intent": fact.intent_id,
        "quote": None,
        "subscription": fact.subscription_id,
        "subscription_details": {"metadata": dict(fact.subscription_metadata)},
        "tax": fact.tax if fact.tax_percent else None,
        "total_tax_amounts": [
            {
                "amount": fact.tax,
                "inclusive": False,
                "tax_rate": fact.tax_rate_id,
                "taxability_reason": "standard_rated",
                "taxable_amount": fact.total - fact.tax,
            }
        ]
        if fact.tax_percent
        else [],
        "transfer_data": None,
    }


def _since_basil(fact: Invoice, dialect: Dialect) -> Shape:
    shape: Shape = {
        "amount_overpaid": 0,
        "parent": fact.subscription_id
        and {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(fact.subscription_metadata),
                "subscription": fact.subscription_id,
            },
            "type": "subscription_details",
        },
        "total_pretax_credit_amounts": [],
        "total_taxes": [
            {
                "amount": fact.tax,
                "tax_behavior": "exclusive",
                "tax_rate_details": {"tax_rate": fact.tax_rate_id},
                "taxability_reason": "standard_rated",
                "taxable_amount": fact.total - fact.tax,
                "type": "tax_rate_details",
            }
        ]
        if fact.tax_percent
        else [],
    }
    if not dialect.before(CUSTOMER_ACCOUNT):
        shape["customer_account"] = None
    if not dialect.before(ENDIVE) and fact.status == "uncollectible":
        shape["status_details"] = {"uncollectible": {"reason": "max_payment_attempts"}}
    return shape


def invoice_payment(fact: InvoicePayment, dialect: Dialect) -> Shape:
    return {
        "id": fact.id,
        "object": "invoice_payment",
        "amount_paid": fact.amount,
        "amount_requested": fact.amount,
        "created": fact.created,
        "currency": fact.currency,
        "invoice": fact.invoice_id,
        "is_default": True,
        "livemode": dialect.livemode,
        "payment": {"payment_intent": fact.intent_id, "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": fact.paid_at},
    }
