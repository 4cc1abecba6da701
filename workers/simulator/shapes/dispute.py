"""Disputes as Stripe shapes them, in each API version."""

from workers.simulator.dialect import Dialect
from workers.simulator.payment_facts import Dispute
from workers.simulator.shapes.shape import Shape

_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation",
    "duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt", "refund_policy",
    "refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation",
    "shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation",
    "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def dispute(fact: Dispute, dialect: Dialect) -> Shape:
    evidence: Shape = dict.fromkeys(_EVIDENCE)
    if fact.submissions:
        evidence["uncategorized_text"] = "The parcel was handed over; see the signature."
    return {
        "id": fact.id,
        "object": "dispute",
        "amount": fact.amount,
        "balance_transaction": fact.movements[0].id if fact.movements else None,
        "balance_transactions": [
            {
                "id": movement.id,
                "object": "balance_transaction",
                "amount": movement.amount,
                "available_on": movement.created,
                "created": movement.created,
                "currency": fact.currency,
                "description": f"Chargeback {'withdrawal' if movement.amount < 0 else 'reversal'}",
                "exchange_rate": None,
                "fee": movement.fee,
                "net": movement.amount - movement.fee,
                "reporting_category": "dispute" if movement.amount < 0 else "dispute_reversal",
                "source": fact.id,
                "status": "available",
                "type": "adjustment",
            }
            for movement in fact.movements
        ],
        "charge": fact.charge_id,
        "created": fact.created,
        "currency": fact.currency,
        "evidence": evidence,
        "evidence_details": {
            "due_by": fact.due_by,
            "has_evidence": fact.submissions > 0,
            "past_due": False,
            "submission_count": fact.submissions,
        },
        "is_charge_refundable": fact.status.startswith("warning"),
        "livemode": dialect.livemode,
        "metadata": {},
        "payment_intent": fact.intent_id,
        "payment_method_details": {
            "card": {
                "brand": fact.brand,
                "case_type": "inquiry" if fact.status.startswith("warning") else "chargeback",
                "network_reason_code": fact.reason_code,
            },
            "type": "card",
        },
        "reason": fact.reason,
        "status": fact.status,
    }
