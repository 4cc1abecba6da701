"""Search, and an object's whole life, on real servers: events that arrive out of order are told in theirs."""

from collections.abc import Iterator

import pytest

from tests.conftest import Servers, namespace
from tests.dashboard_site import Site, serving_site
from tests.events import NOW, customer, event, intent
from tests.payments import CHARGE
from tests.web_process import until


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with namespace(servers) as settings, serving_site(settings, filled=False) as site:
        paid = {"order_number": "1007", "user_id": "u7"}
        made = intent(customer="cus_1", metadata=paid, client_secret="pi_1_secret_x")
        site.pipeline.deliver(
            event("payment_intent.succeeded", {**made, "status": "succeeded", "amount_received": 1250},
                  created=NOW + 9, id="evt_last"),
            event("charge.succeeded", {**CHARGE, "payment_intent": "pi_1", "livemode": False},
                  created=NOW + 8, id="evt_charge"),
            event("payment_intent.created", made, id="evt_first"),
            event("customer.created", customer(), id="evt_customer"),
        )  # fmt: skip
        site.pipeline.run()
        yield site


def test_a_life_is_told_in_causal_order_with_what_each_event_changed(site: Site) -> None:
    answer = site.process.get("/life/payment_intent/pi_1")
    page = answer.body.decode()
    assert answer.status == 200
    at = [page.index(f'id="{name}"') for name in ("evt_first", "evt_charge", "evt_last")]
    assert at == sorted(at)
    assert "€12.50" in page[at[2] :]
    assert "Succeeded" in page[at[2] :]
    assert "Arrived out of order" in page[at[0] : at[1]]
    assert "pi_1_secret_x" not in page


@pytest.mark.parametrize(
    ("term", "path"),
    [
        ("pi_1", "/life/payment_intent/pi_1"),
        ("ch_1", "/life/charge/ch_1"),
        ("1007", "/life/order/1007"),
        ("u7", "/life/payment_intent/pi_1"),
        ("ADA@example.com", "/life/customer/cus_1"),
        ("cus_1", "/life/customer/cus_1"),
    ],
)
def test_one_hit_is_gone_to_at_once(site: Site, term: str, path: str) -> None:
    answer = site.process.submit("/search", {"term": term})
    assert (303, f"{path}?mode=test") == (answer.status, answer.headers["Location"])
    assert site.process.get(answer.headers["Location"]).status == 200


def test_what_is_unknown_says_what_can_be_searched(site: Site) -> None:
    assert "This can be searched" in site.process.submit("/search", {"term": "nothing"}).body.decode()
    assert site.process.get("/life/charge/ch_none").status == 404


def test_another_page_cannot_search(site: Site) -> None:
    refused = site.process.submit("/search", {"term": "pi_1"}, Origin="https://elsewhere.example")
    assert refused.status == 403


def test_the_latest_payments_lead_to_their_lives(site: Site) -> None:
    page = site.process.get("/figures/latest?mode=test").body.decode()
    assert 'href="/life/payment_intent/pi_1?mode=test"' in page


def test_no_search_term_is_written_to_the_log(site: Site) -> None:
    before = len(site.process.lines())
    site.process.submit("/search", {"term": "ada@example.com"})
    until(lambda: len(site.process.lines()) > before)
    assert b"ada" not in site.process.output().lower()
