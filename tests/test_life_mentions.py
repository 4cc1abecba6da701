"""What names a payment, customer or subscription stands in its life, by one rule for objects of any kind."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests import billing_objects as billing
from tests.conftest import Servers, namespace
from tests.dashboard_site import Site, serving_site
from tests.events import NOW, customer, event, intent
from tests.payments import CHARGE

PAYMENT = {"payment_intent": "pi_1", "charge": "ch_1"}
OWNED = {"customer": "cus_1"}
PHASED = {"customer": "cus_1", "subscription": "sub_1"}

NAMING: list[tuple[str, str, str, dict[str, Any]]] = [
    # the life, the type of event, the type of object, and how that names whose life it is
    ("payment_intent/pi_1", "checkout.session.completed", "checkout.session", {"payment_intent": "pi_1"}),
    ("payment_intent/pi_1", "review.opened", "review", PAYMENT),
    ("payment_intent/pi_1", "radar.early_fraud_warning.created", "radar.early_fraud_warning",
     {"charge": "ch_1"}),
    ("payment_intent/pi_1", "application_fee.created", "application_fee", {"charge": "ch_1"}),
    ("payment_intent/pi_1", "transfer.created", "transfer", {"source_transaction": "ch_1"}),
    ("payment_intent/pi_1", "credit_note.created", "credit_note", {"refunds": [{"refund": {"id": "re_1"}}]}),
    ("charge/ch_1", "review.closed", "review", PAYMENT),
    ("order/1007", "checkout.session.expired", "checkout.session", {"payment_intent": "pi_1"}),
    ("customer/cus_1", "payment_method.attached", "payment_method", OWNED),
    ("customer/cus_1", "setup_intent.succeeded", "setup_intent", {"customer": {"id": "cus_1"}}),
    ("customer/cus_1", "customer.tax_id.created", "tax_id", {"owner": OWNED}),
    ("customer/cus_1", "customer.source.created", "card", OWNED),
    ("customer/cus_1", "customer.discount.created", "discount", OWNED),
    ("customer/cus_1", "customer_cash_balance_transaction.created", "customer_cash_balance_transaction",
     OWNED),
    ("customer/cus_1", "financial_connections.account.created", "financial_connections.account",
     {"account_holder": OWNED}),
    ("customer/cus_1", "promotion_code.created", "promotion_code", OWNED),
    ("customer/cus_1", "quote.accepted", "quote", OWNED),
    ("customer/cus_1", "review.opened", "review", {"charge": "ch_1"}),
    ("subscription/sub_1", "subscription_schedule.created", "subscription_schedule", PHASED),
    ("subscription/sub_1", "invoiceitem.created", "invoiceitem",
     {"parent": {"subscription_details": {"subscription": "sub_1"}}}),
    ("subscription/sub_1", "credit_note.created", "credit_note", {"invoice": "in_1"}),
    ("subscription/sub_1", "checkout.session.completed", "checkout.session", PHASED),
]  # fmt: skip


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with namespace(servers) as settings, serving_site(settings, filled=False) as site:
        paid = intent("succeeded", customer="cus_1", metadata={"order_number": "1007"})
        refund = {"id": "re_1", "object": "refund", "charge": "ch_1", "amount": 1, "currency": "eur"}
        site.pipeline.deliver(
            event("customer.created", customer()),
            event("payment_intent.succeeded", paid),
            event("charge.succeeded", {**CHARGE, "payment_intent": "pi_1", "customer": "cus_1"}),
            event("refund.created", {**refund, "created": NOW, "status": "succeeded"}),
            event("customer.subscription.created", billing.subscription()),
            event("invoice.created", billing.invoice()),
        )
        site.pipeline.run()
        yield site


def told(site: Site, life: str) -> str:
    answer = site.process.get(f"/life/{life}{'&' if '?' in life else '?'}mode=test")
    assert 200 == answer.status, life
    return answer.body.decode().replace("&amp;", "&")


def card(page: str, event_id: str) -> str:
    return page.split(f'id="{event_id}"')[1].split("</li>")[0]


@pytest.mark.parametrize(
    ("life", "kind", "subject", "names"), NAMING, ids=[f"{kind} in {life}" for life, kind, *_ in NAMING]
)
def test_what_names_an_object_is_in_its_life(
    site: Site, life: str, kind: str, subject: str, names: dict[str, Any]
) -> None:
    made = event(kind, {"id": f"x_{kind}_{life}", "object": subject, **names})
    site.pipeline.deliver(made)
    site.pipeline.run()
    assert f'id="{made["id"]}"' in told(site, f"{life}?page=last")


def test_what_has_no_id_of_its_own_is_told_too(site: Site) -> None:
    funded = event("cash_balance.funds_available", {"object": "cash_balance", **OWNED})
    granted = {"object": "entitlements.active_entitlement_summary", **OWNED}
    entitled = event("entitlements.active_entitlement_summary.updated", granted)
    site.pipeline.deliver(funded, entitled)
    site.pipeline.run()
    life = told(site, "customer/cus_1?page=last")
    assert f'id="{funded["id"]}"' in life
    assert f'id="{entitled["id"]}"' in life


def test_a_preview_of_an_invoice_stands_by_itself_in_the_life_of_its_subscription(site: Site) -> None:
    preview = billing.invoice(id="upcoming_in_1", total=2000, currency="usd")
    upcoming = event("invoice.upcoming", preview, created=billing.NOON + 9)
    site.pipeline.deliver(upcoming)
    site.pipeline.run()
    shown = card(told(site, "subscription/sub_1"), upcoming["id"])
    assert "Invoice, a preview" in shown
    assert "$20.00" in shown
    assert "First that is known" not in shown
    answer = site.process.submit("/search", {"term": upcoming["id"]})
    assert 303 == answer.status
    assert "/life/subscription/sub_1?" in answer.headers["Location"]
    assert f'id="{upcoming["id"]}"' in site.process.get(answer.headers["Location"]).body.decode()


def test_of_a_card_reader_only_what_it_did_for_a_payment_is_in_that_payments_life(site: Site) -> None:
    def collected(payment: str) -> dict[str, Any]:
        action = {"process_payment_intent": {"payment_intent": payment}}
        return event("terminal.reader.action_succeeded", {"id": "tmr_1", "object": "terminal.reader",
                                                          "action": action}, created=NOW + 5)  # fmt: skip

    ours, theirs = collected("pi_1"), collected("pi_else")
    site.pipeline.deliver(ours, theirs)
    site.pipeline.run()
    life = told(site, "payment_intent/pi_1")
    assert f'id="{ours["id"]}"' in life
    assert f'id="{theirs["id"]}"' not in life
    reader = told(site, "terminal.reader/tmr_1")
    assert (1, 1) == tuple(reader.count(f'id="{each["id"]}"') for each in (ours, theirs))


def test_what_was_taken_off_a_customer_stays_in_its_life(site: Site) -> None:
    method = {"id": "pm_gone", "object": "payment_method", "customer": None}
    detached = event("payment_method.detached", method, created=NOW + 3, previous=OWNED)
    site.pipeline.deliver(detached)
    site.pipeline.run()
    assert f'id="{detached["id"]}"' in told(site, "customer/cus_1?page=last")


def test_an_object_leads_to_the_customer_that_it_names(site: Site) -> None:
    site.pipeline.deliver(event("customer.tax_id.created", {"id": "txi_1", "object": "tax_id", **OWNED}))
    site.pipeline.run()
    assert 'href="/life/customer/cus_1?mode=test"' in told(site, "tax_id/txi_1")


def test_the_payment_of_a_subscription_does_not_tell_all_that_befell_that(site: Site) -> None:
    item = {"id": "ii_other", "object": "invoiceitem", "subscription": "sub_1", "invoice": "in_other"}
    paid = billing.invoice(id="in_paid", payment_intent="pi_1")
    site.pipeline.deliver(event("invoice.paid", paid), event("invoiceitem.created", item, id="evt_other"))
    site.pipeline.run()
    life = told(site, "payment_intent/pi_1?page=last")
    assert "subscription/sub_1" in life
    assert 'id="evt_other"' not in life
    assert 'id="evt_other"' in told(site, "subscription/sub_1?page=last")


def test_the_same_id_of_another_account_or_mode_is_somebody_elses(site: Site) -> None:
    session = {"id": "cs_else", "object": "checkout.session", "payment_intent": "pi_1"}
    site.pipeline.deliver(
        event("checkout.session.completed", session, id="evt_theirs", account="acct_2"),
        event("checkout.session.completed", session, id="evt_live", livemode=True),
    )
    site.pipeline.run()
    life = told(site, "payment_intent/pi_1")
    assert not re.findall('id="evt_(theirs|live)"', life)


def test_whoever_drains_parses_no_payload_that_a_table_tells_of(site: Site) -> None:
    [row] = site.asked("SELECT indexdef FROM pg_indexes WHERE indexname = 'events_by_named'")
    for kind in ("payment_intent", "charge", "invoice", "subscription", "customer", "balance_transaction"):
        assert f"'{kind}'" in row["indexdef"]
    site.database.execute("ANALYZE events")
    with site.database.transaction():
        site.database.execute("SET LOCAL enable_seqscan = off")
        plan = site.asked("EXPLAIN SELECT place FROM mentions WHERE ids @> ARRAY['pi_1']")
    assert any("events_by_named" in row["QUERY PLAN"] for row in plan)
