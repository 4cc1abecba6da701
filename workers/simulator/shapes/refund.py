"""Refunds as Stripe shapes them, in each API version."""

from workers.simulator.dialect import CUSTOMER_ACCOUNT, Dialect
from workers.simulator.payment_facts import Refund
from workers.simulator.shapes.shape import Shape


def refund(fact: Refund, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "refund",
        "amount": fact.amount,
        "balance_transaction": fact.balance_transaction,
        "charge": fact.charge_id,
        "created": fact.created,
        "currency": fact.currency,
        "destination_details": {
            "card": {
                "reference": f"74{fact.created}{fact.amount % 10**9:09d}" if fact.settled else None,
                "reference_status": "available" if fact.settled else "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": dict(fact.metadata),
        "payment_intent": fact.intent_id,
        "reason": fact.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": fact.status,
        "transfer_reversal": None,
    }
    if fact.failure_reason:
        shape["failure_reason"] = fact.failure_reason
        shape["failure_balance_transaction"] = fact.failure_balance_transaction
    if not dialect.before(CUSTOMER_ACCOUNT):
        shape["customer_account"] = None
    return shape
