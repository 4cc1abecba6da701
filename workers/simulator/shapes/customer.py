"""Customers and their payment methods as Stripe shapes them, in each API version."""

from workers.simulator.dialect import BASIL, CUSTOMER_ACCOUNT, LATEST_CHARGE_ALONE, Dialect
from workers.simulator.payment_facts import Attachment, Customer, Method
from workers.simulator.people import Person
from workers.simulator.shapes.discount import discount
from workers.simulator.shapes.shape import Shape


def customer(fact: Customer, dialect: Dialect) -> Shape:
    person = fact.person
    shape: Shape = {
        "id": fact.id,
        "object": "customer",
        "address": person.address,
        "balance": fact.balance,
        "created": fact.created,
        "currency": fact.currency,
        "default_source": None,
        "delinquent": fact.delinquent,
        "description": None,
        "email": person.email,
        "invoice_prefix": fact.id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": fact.default_method_id,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": dialect.livemode,
        "metadata": dict(fact.metadata),
        "name": person.name,
        "next_invoice_sequence": fact.next_invoice,
        "phone": person.phone,
        "preferred_locales": ["en"],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    if dialect.before(BASIL):
        shape["discount"] = discount(fact.discount, dialect) if fact.discount else None
    if dialect.before(LATEST_CHARGE_ALONE):
        shape["default_currency"] = fact.currency
    if not dialect.before(CUSTOMER_ACCOUNT):
        shape["customer_account"] = None
    return shape


def attachment(fact: Attachment, dialect: Dialect) -> Shape:
    return payment_method(fact.method, fact.customer_id, dialect)


def payment_method(fact: Method, customer_id: str | None, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(fact.owner, dialect),
        "created": fact.created,
        "customer": customer_id,
        "livemode": dialect.livemode,
        "metadata": {},
        "type": fact.kind,
    }
    if fact.kind != "card":
        shape[fact.kind] = {
            "bank_code": "37040044",
            "branch_code": "",
            "country": fact.owner.place.country,
            "fingerprint": fact.fingerprint,
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": fact.last4,
        }
        return shape
    shape["card"] = {
        "brand": fact.brand,
        "checks": {"address_line1_check": "pass", "address_postal_code_check": "pass", "cvc_check": "pass"},
        "country": fact.owner.place.country,
        "display_brand": fact.brand,
        "exp_month": fact.expires[0],
        "exp_year": fact.expires[1],
        "fingerprint": fact.fingerprint,
        "funding": fact.funding,
        "generated_from": None,
        "last4": fact.last4,
        "networks": {"available": [fact.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return shape


def shipping(to: Person) -> Shape:
    return {
        "address": to.address,
        "carrier": None,
        "name": to.name,
        "phone": to.phone,
        "tracking_number": None,
    }


def billing_details(person: Person, dialect: Dialect) -> Shape:
    shape: Shape = {
        "address": person.address,
        "email": person.email,
        "name": person.name,
        "phone": person.phone,
    }
    if not dialect.before(BASIL):
        shape["tax_id"] = None
    return shape
