"""PaymentIntents as Stripe shapes them, in each API version."""

from workers.simulator.dialect import BASIL, CUSTOMER_ACCOUNT, LATEST_CHARGE_ALONE, Dialect
from workers.simulator.payment_facts import Failure, Intent
from workers.simulator.shapes.charge import charge
from workers.simulator.shapes.customer import payment_method, shipping
from workers.simulator.shapes.shape import Shape, listing, secret


def payment_intent(fact: Intent, dialect: Dialect) -> Shape:
    latest = fact.charges[0].id if fact.charges else None
    shape: Shape = {
        "id": fact.id,
        "object": "payment_intent",
        "amount": fact.amount,
        "amount_capturable": fact.amount_capturable,
        "amount_details": {"tip": {}},
        "amount_received": fact.amount_received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None
        if fact.invoice_id
        else {"allow_redirects": "always", "enabled": True},
        "canceled_at": fact.canceled_at,
        "cancellation_reason": fact.cancellation_reason,
        "capture_method": fact.capture_method,
        "client_secret": secret(fact.id),
        "confirmation_method": "automatic",
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer_id,
        "description": fact.description,
        "last_payment_error": _error(fact.failure, fact.customer_id, dialect) if fact.failure else None,
        "latest_charge": latest,
        "livemode": dialect.livemode,
        "metadata": dict(fact.metadata),
        "next_action": _next_action(fact) if fact.status == "requires_action" else None,
        "on_behalf_of": None,
        "payment_method": fact.method.id if fact.method else None,
        "payment_method_configuration_details": None
        if fact.invoice_id
        else {"id": "pmc_1PgafyB7WZ01zgkWSjxsAJo3", "parent": None},
        "payment_method_options": {
            "amazon_pay": {"express_checkout_element_session_id": None},
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            },
            "klarna": {"preferred_locale": None},
            "link": {"persistent_token": None},
            "paypal": {"preferred_locale": None, "reference": None},
        },
        "payment_method_types": list(fact.method_kinds),
        "processing": None,
        "receipt_email": fact.receipt_email,
        "review": None,
        "setup_future_usage": "off_session" if fact.off_session else None,
        "shipping": shipping(fact.ship_to) if fact.ship_to else None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": fact.status,
        "transfer_data": None,
        "transfer_group": None,
    }
    if dialect.before(LATEST_CHARGE_ALONE):
        shape["charges"] = listing(
            f"/v1/charges?payment_intent={fact.id}",
            [charge(attempt, dialect) for attempt in fact.charges[:1]],
        )
    if dialect.before(BASIL):
        shape["invoice"] = fact.invoice_id
    else:
        shape["excluded_payment_method_types"] = None
    if not dialect.before(CUSTOMER_ACCOUNT):
        shape["customer_account"] = None
    return shape


def _error(failure: Failure, customer_id: str | None, dialect: Dialect) -> Shape:
    shape: Shape = {
        "charge": failure.charge_id,
        "code": failure.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{failure.code.replace('_', '-')}",
        "message": failure.message,
        "payment_method": payment_method(failure.method, customer_id, dialect),
        "type": "card_error" if failure.charge_id else "invalid_request_error",
    }
    if failure.decline_code:
        shape["decline_code"] = failure.decline_code
    return shape


def _next_action(fact: Intent) -> Shape:
    return {
        "redirect_to_url": {
            "return_url": "https://shop.example.com/checkout/return",
            "url": f"https://hooks.stripe.com/3d_secure_2/hosted?client_secret={secret(fact.id)}",
        },
        "type": "redirect_to_url",
    }
