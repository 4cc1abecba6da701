"""Charges as Stripe shapes them, in each API version."""

from workers.simulator.dialect import BASIL, LATEST_CHARGE_ALONE, Dialect
from workers.simulator.payment_facts import Charge, Failure, Outcome
from workers.simulator.shapes.customer import billing_details, shipping
from workers.simulator.shapes.refund import refund
from workers.simulator.shapes.shape import Shape, listing, secret


def charge(fact: Charge, dialect: Dialect) -> Shape:
    failure, refunded = fact.failure, fact.amount_refunded
    if not dialect.before(BASIL):  # what was held and is released counts no more
        refunded = max(refunded - (fact.amount - fact.amount_captured), 0)
    shape: Shape = {
        "id": fact.id,
        "object": "charge",
        "amount": fact.amount,
        "amount_captured": fact.amount_captured,
        "amount_refunded": refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": fact.balance_transaction,
        "billing_details": billing_details(fact.method.owner, dialect),
        "calculated_statement_descriptor": "EXAMPLE.COM",
        "captured": fact.captured,
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer_id,
        "description": fact.description,
        "disputed": fact.dispute_id is not None,
        "failure_balance_transaction": None,
        "failure_code": failure.code if failure else None,
        "failure_message": failure.message if failure else None,
        "fraud_details": {},
        "livemode": dialect.livemode,
        "metadata": dict(fact.metadata),
        "on_behalf_of": None,
        "outcome": _outcome(fact.outcome, failure, dialect) if fact.outcome else None,
        "paid": fact.status != "failed",
        "payment_intent": fact.intent_id,
        "payment_method": fact.method.id,
        "payment_method_details": _method_details(fact, dialect),
        "radar_options": {},
        "receipt_email": fact.receipt_email,
        "receipt_number": None,
        "receipt_url": None
        if failure
        else f"https://pay.stripe.com/receipts/payment/{secret(fact.id)}{secret(fact.method.id)}?s=ap",
        "refunded": refunded == fact.amount,
        "review": None,
        "shipping": shipping(fact.ship_to) if fact.ship_to else None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": fact.status,
        "transfer_data": None,
        "transfer_group": None,
    }
    if dialect.before(LATEST_CHARGE_ALONE):
        shape["refunds"] = listing(
            f"/v1/charges/{fact.id}/refunds", [refund(r, dialect) for r in fact.refunds]
        )
        shape["order"] = shape["destination"] = None
    if dialect.before(BASIL):
        shape["invoice"] = fact.invoice_id
        shape["dispute"] = fact.dispute_id
    return shape


def _outcome(outcome: Outcome, failure: Failure | None, dialect: Dialect) -> Shape:
    shape: Shape = {
        "network_status": outcome.network_status,
        "reason": outcome.reason,
        "risk_level": outcome.risk_level,
        "risk_score": outcome.risk_score,
        "seller_message": outcome.seller_message,
        "type": outcome.type,
    }
    if outcome.rule:
        shape["rule"] = outcome.rule
    if not dialect.before(BASIL):
        shape["advice_code"] = "try_again_later" if failure else None
        shape["network_advice_code"] = None
        shape["network_decline_code"] = "05" if failure else None
    return shape


def _method_details(fact: Charge, dialect: Dialect) -> Shape:
    method = fact.method
    if method.kind != "card":
        return {
            method.kind: {
                "bank_code": "37040044",
                "branch_code": "",
                "country": method.owner.place.country,
                "fingerprint": method.fingerprint,
                "last4": method.last4,
                "mandate": f"mandate_{method.fingerprint}",
            },
            "type": method.kind,
        }
    card: Shape = {
        "amount_authorized": None if fact.status == "failed" else fact.amount,
        "brand": method.brand,
        "checks": {
            "address_line1_check": "pass",
            "address_postal_code_check": "pass",
            "cvc_check": "pass",
        },
        "country": method.owner.place.country,
        "exp_month": method.expires[0],
        "exp_year": method.expires[1],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": method.fingerprint,
        "funding": method.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": method.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": method.brand,
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": fact.amount, "status": "unavailable"},
        "three_d_secure": fact.three_d_secure
        and {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": fact.three_d_secure,
            "result_reason": None if fact.three_d_secure == "authenticated" else "rejected",
            "transaction_id": method.fingerprint * 2,
            "version": "2.2.0",
        },
        "wallet": None,
    }
    if not dialect.before(BASIL):
        card["authorization_code"] = None if fact.status == "failed" else "123456"
        card["network_transaction_id"] = f"{fact.created}{fact.amount % 10**5:05d}"
        card["regulated_status"] = "unregulated"
    return {"card": card, "type": "card"}
