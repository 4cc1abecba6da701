"""The lines of an invoice, and the items that become lines, as Stripe shapes them in each API version."""

from workers.simulator.billing_facts import Invoice, InvoiceItem, Line, Span
from workers.simulator.dialect import BASIL, Dialect
from workers.simulator.shapes.price import plan_of, price
from workers.simulator.shapes.shape import Shape


def line(fact: Line, invoice: Invoice, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "line_item",
        "amount": fact.amount,
        "currency": invoice.currency,
        "description": fact.description,
        "discount_amounts": [
            {"amount": fact.discount, "discount": discount.id}
            for discount in invoice.discounts
            if fact.discount
        ],
        "discountable": not fact.proration,
        "discounts": [],
        "invoice": invoice.id or None,
        "livemode": dialect.livemode,
        "metadata": dict(invoice.subscription_metadata),
        "period": _period(fact.period),
        "quantity": fact.quantity,
    }
    return shape | (_before_basil if dialect.before(BASIL) else _since_basil)(fact, invoice, dialect)


def _before_basil(fact: Line, invoice: Invoice, dialect: Dialect) -> Shape:
    shape: Shape = {
        "amount_excluding_tax": fact.amount - fact.discount,
        "plan": plan_of(fact.price, dialect) if fact.price else None,
        "price": price(fact.price, dialect) if fact.price else None,
        "proration": fact.proration,
        "proration_details": {"credited_items": None},
        "subscription": invoice.subscription_id,
        "tax_amounts": [
            {
                "amount": invoice.tax_on(fact),
                "inclusive": False,
                "tax_rate": invoice.tax_rate_id,
                "taxability_reason": "standard_rated",
                "taxable_amount": fact.amount - fact.discount,
            }
        ]
        if invoice.tax_percent
        else [],
        "tax_rates": [],
        "type": "invoiceitem" if fact.invoice_item_id else "subscription",
    }
    if fact.item_id:
        shape["subscription_item"] = fact.item_id
    if fact.invoice_item_id:
        shape["invoice_item"] = fact.invoice_item_id
    return shape


def _since_basil(fact: Line, invoice: Invoice, dialect: Dialect) -> Shape:
    parent: Shape
    if fact.invoice_item_id:
        kind = "invoice_item_details"
        parent = {
            "invoice_item": fact.invoice_item_id,
            "proration": fact.proration,
            "proration_details": {"credited_items": None},
            "subscription": invoice.subscription_id,
        }
    else:
        kind = "subscription_item_details"
        parent = {
            "invoice_item": None,
            "proration": fact.proration,
            "proration_details": {"credited_items": None},
            "subscription": invoice.subscription_id,
            "subscription_item": fact.item_id,
        }
    return {
        "parent": {
            "invoice_item_details": parent if fact.invoice_item_id else None,
            "subscription_item_details": None if fact.invoice_item_id else parent,
            "type": kind,
        },
        "pretax_credit_amounts": [],
        "pricing": _pricing(fact),
        "subtotal": fact.amount,
        "taxes": [
            {
                "amount": invoice.tax_on(fact),
                "tax_behavior": "exclusive",
                "tax_rate_details": {"tax_rate": invoice.tax_rate_id},
                "taxability_reason": "standard_rated",
                "taxable_amount": fact.amount - fact.discount,
                "type": "tax_rate_details",
            }
        ]
        if invoice.tax_percent
        else [],
    }


def invoice_item(fact: InvoiceItem, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "invoiceitem",
        "amount": fact.amount,
        "currency": fact.currency,
        "customer": fact.customer_id,
        "date": fact.created,
        "description": fact.description,
        "discountable": not fact.proration,
        "discounts": [],
        "invoice": fact.invoice_id,
        "livemode": dialect.livemode,
        "metadata": {},
        "period": _period(fact.period),
        "proration": fact.proration,
        "quantity": fact.quantity,
        "tax_rates": [],
        "test_clock": None,
    }
    if dialect.before(BASIL):
        shape["price"] = price(fact.price, dialect) if fact.price else None
        shape["plan"] = plan_of(fact.price, dialect) if fact.price else None
        shape["subscription"] = fact.subscription_id
    else:
        shape["parent"] = fact.subscription_id and {
            "subscription_details": {"subscription": fact.subscription_id},
            "type": "subscription_details",
        }
        shape["pricing"] = _pricing(fact)
    return shape


def _pricing(fact: Line | InvoiceItem) -> Shape | None:
    if fact.price is None:
        return None
    unit = fact.price.unit_amount
    return {
        "price_details": {"price": fact.price.id, "product": fact.price.product_id},
        "type": "price_details",
        "unit_amount_decimal": None if unit is None else str(unit),
    }


def _period(span: Span) -> Shape:
    return {"end": span.end, "start": span.start}
