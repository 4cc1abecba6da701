"""A dashboard with lives to look at: a payment with all that may befall one, and a subscription."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingest.event_log import Entry
from ingest.settings import Callback
from tests import billing_objects as billing
from tests.conftest import Servers, namespace
from tests.dashboard_site import Site, serving_site
from tests.events import NOW, customer, event, intent
from tests.payments import BALANCE_TRANSACTION, CHARGE, DISPUTE, REFUND
from tests.pipeline import delivered
from tests.receiver import receiving
from workers import history
from workers.database import connect
from workers.outbox_worker import OutboxWorker
from workers.quarantine import quarantine

NAMED = {"order_number": "1007", "user_id": "u7", "source": "shop"}
MADE = intent(customer="cus_1", metadata=NAMED, client_secret="pi_1_secret_x")
DECLINED = {"code": "card_declined", "decline_code": "insufficient_funds", "message": "No funds."}


@contextmanager
def serving_lives(servers: Servers) -> Iterator[Site]:
    """The site; the first that the outbox tells is refused, all else is taken."""
    with namespace(servers) as settings, receiving() as receiver:
        callbacks = {"default": Callback(url=receiver.url, secrets=("secret",))}
        calling = settings.model_copy(update={"callbacks": callbacks})
        with serving_site(calling, filled=False) as site:
            site.pipeline.deliver(*payment())
            site.pipeline.run()
            receiver.answers = [500]
            tell(site)
            site.pipeline.deliver(*subscription())
            site.pipeline.run()
            tell(site)
            set_aside(site, event("payment_intent.processing", MADE, created=NOW + 4, id="evt_harmful"))
            yield site


def payment() -> list[dict[str, Any]]:
    """It fails, succeeds, is given back in part and disputed; what came first arrives last."""
    charge = {**CHARGE, "payment_intent": "pi_1", "customer": "cus_1", "livemode": False}
    failed = {**MADE, "last_payment_error": DECLINED}
    paid = {**MADE, "status": "succeeded", "amount_received": 1250, "last_payment_error": None}
    return [
        event("payment_intent.succeeded", paid, created=NOW + 9, id="evt_last"),
        event("charge.succeeded", charge, created=NOW + 8, id="evt_charge"),
        event("payment_intent.payment_failed", failed, created=NOW + 3, id="evt_failed"),
        event("payment_intent.created", MADE, id="evt_first"),
        event("customer.created", customer(description="<script>alert(1)</script>"), id="evt_customer"),
        event("refund.created", REFUND, created=NOW + 20, id="evt_refund"),
        event("charge.dispute.created", DISPUTE, created=NOW + 30, id="evt_dispute"),
        event("balance_transaction.observed", BALANCE_TRANSACTION, created=NOW + 40, id="obs_settled"),
        event("checkout.session.completed", session(), created=NOW + 9, id="evt_session"),
        event("refund.updated", {**REFUND, "amount": "much"}, created=NOW + 25, id="evt_undigested"),
        event(
            "payment_intent.created", {**MADE, "livemode": True, "metadata": {}}, livemode=True, id="evt_live"
        ),
    ]


def session() -> dict[str, Any]:
    return {"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1", "status": "complete"}


def subscription() -> list[Any]:
    """With enough changes for two pages."""
    owned = {"id": "sub_1", "customer": "cus_1", "metadata": {"user_id": "u7", "plan_type": "pro"}}
    changes = [
        billing.event(
            "customer.subscription.updated",
            billing.subscription(billing.item(quantity=n + 1), **owned),
            billing.NOON + n,
            {"items": {"data": [billing.item(quantity=n)]}},
        )
        for n in range(1, 60)
    ]
    return [billing.event("customer.subscription.created", billing.subscription(**owned)), *changes]


def tell(site: Site) -> None:
    """Deliver what the outbox has; a message that is refused is given up at once."""
    worker = OutboxWorker(site.pipeline.settings)
    try:
        site.database.execute("UPDATE outbox SET give_up_at = due_at")
        while worker.run_once(patience=5.0):
            pass
    finally:
        worker.close()


def set_aside(site: Site, body: dict[str, Any]) -> None:
    """Quarantine an event."""
    read = delivered(body)
    entry = Entry(0, "1-1", read.id, read.source, read.account, read.raw)
    with connect(str(site.pipeline.settings.database_url)) as connection, connection.transaction():
        history.begin(connection)
        quarantine(connection, [entry])
