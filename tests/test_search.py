"""Search, on real servers: whatever people have at hand leads to the life of what it names."""

import re
from collections.abc import Iterator

import pytest

from tests import billing_objects as billing
from tests.conftest import Servers, namespace
from tests.dashboard_site import Site, serving_site
from tests.events import NOW, customer, event, intent
from tests.payments import CHARGE, DISPUTE, REFUND

LISTED = {"id": "re_listed", "object": "refund", "amount": 100, "currency": "eur", "created": NOW}
PAID = {"order_number": "1007", "user_id": "u7"}


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with namespace(servers) as settings, serving_site(settings, filled=False) as site:
        made = intent(customer="cus_1", metadata=PAID)
        charge = {**CHARGE, "payment_intent": "pi_1", "refunds": {"data": [LISTED]}}
        guest = {**CHARGE, "id": "ch_guest", "billing_details": {"email": "Guest@Example.com"}}
        addressed = {"user_id": "ada@example.org"}
        invoice = billing.invoice(id="in_1", number="A-0001")
        site.pipeline.deliver(
            event("payment_intent.created", made, id="evt_first"),
            event("charge.succeeded", charge),
            event("charge.succeeded", guest, created=NOW + 1),
            event("refund.created", REFUND),
            event("charge.dispute.created", DISPUTE),
            event("customer.created", customer()),
            event("customer.created", customer(id="cus_org", email=None, metadata=addressed)),
            event("invoice.created", invoice),
            event("customer.subscription.created", billing.subscription(metadata={"user_id": "u9"})),
            event("checkout.session.completed", {"id": "cs_test_1", "object": "checkout.session"}),
            *(event("payment_intent.created", intent(id=f"pi_many{n:02}")) for n in range(30)),
            event("payment_intent.created", intent(id="pi_both")),
            event("payment_intent.created", intent(id="pi_both", livemode=True), livemode=True),
            event("payment_intent.created", intent(id="pi_theirs"), account="acct_2"),
        )  # fmt: skip
        site.pipeline.run()
        yield site


def led(site: Site, term: str, **more: str) -> str:
    """Where a search with one hit leads."""
    answer = site.process.submit("/search", {"term": term, **more})
    assert 303 == answer.status, answer.body.decode()
    return answer.headers["Location"]


def found(site: Site, term: str, **more: str) -> list[str]:
    """Where each of several hits leads."""
    answer = site.process.submit("/search", {"term": term, **more})
    assert 200 == answer.status
    return re.findall(r'href="(/life/[^"]+)"', answer.body.decode().replace("&amp;", "&"))


@pytest.mark.parametrize(
    ("term", "path"),
    [
        ("pi_1", "payment_intent/pi_1"),
        (" ch_1 ", "charge/ch_1"),
        ("re_1", "refund/re_1"),
        ("re_listed", "charge/ch_1"),
        ("du_1", "dispute/du_1"),
        ("in_1", "invoice/in_1"),
        ("A-0001", "invoice/in_1"),
        ("sub_1", "subscription/sub_1"),
        ("u9", "subscription/sub_1"),
        ("cs_test_1", "checkout.session/cs_test_1"),
        ("cus_1", "customer/cus_1"),
        ("1007", "order/1007"),
        ("#1007", "order/1007"),
        ("u7", "payment_intent/pi_1"),
        ("ADA@example.com", "customer/cus_1"),
        ("ada@example.org", "customer/cus_org"),
        ("guest@example.com", "charge/ch_guest"),
        ("pi_many07", "payment_intent/pi_many07"),
        ("cs_tes", "checkout.session/cs_test_1"),
    ],
)
def test_one_hit_is_gone_to_at_once(site: Site, term: str, path: str) -> None:
    assert f"/life/{path}?mode=test" == led(site, term)
    assert 200 == site.process.get(led(site, term)).status


def test_an_event_leads_to_itself_in_the_life_of_its_object(site: Site) -> None:
    assert "/life/payment_intent/pi_1?mode=test&event=evt_first#evt_first" == led(site, "evt_first")


def test_an_object_of_another_account_is_found_there(site: Site) -> None:
    assert "/life/payment_intent/pi_theirs?mode=test&account=acct_2" == led(site, "pi_theirs")


def test_an_id_that_is_live_and_test_is_found_twice_that_which_was_looked_at_first(site: Site) -> None:
    live, test = "/life/payment_intent/pi_both?mode=live", "/life/payment_intent/pi_both?mode=test"
    assert [live, test] == found(site, "pi_both")
    assert [test, live] == found(site, "pi_both", mode="test")


def test_the_time_zone_that_was_looked_in_is_kept(site: Site) -> None:
    assert led(site, "pi_1", zone="Europe/Berlin").endswith("zone=Europe%2FBerlin")


def test_ids_are_found_by_how_they_begin_in_their_order_and_so_many(site: Site) -> None:
    assert [f"/life/payment_intent/pi_many{n:02}?mode=test" for n in range(25)] == found(site, "pi_many")


@pytest.mark.parametrize("term", ["100", "pi_m", "pi%many", "A-00", "ada@", "nothing", "\0", "x" * 256, ""])
def test_nothing_else_is_found_by_how_it_begins_and_then_it_says_what_is(site: Site, term: str) -> None:
    answer = site.process.submit("/search", {"term": term})
    assert (200, True) == (answer.status, "This can be searched" in answer.body.decode())


def test_what_was_not_found_is_there_to_be_corrected_and_does_no_harm(site: Site) -> None:
    page = site.process.submit("/search", {"term": '"><script>x</script>'}).body.decode()
    assert "<script>x" not in page
    assert 'value="&#34;&gt;&lt;script&gt;x' in page


def test_an_order_is_what_was_paid_for_it_not_what_was_tried(site: Site) -> None:
    tried = {"metadata": {"order_number": "2001"}, "amount": 500}
    site.pipeline.deliver(
        event("payment_intent.canceled", intent("canceled", id="pi_tried", **tried)),
        event("payment_intent.succeeded", intent("succeeded", id="pi_paid", amount_received=500, **tried)),
    )
    site.pipeline.run()
    assert "/life/order/2001?mode=test" == led(site, "2001")
    elsewhere = {"metadata": {"order_number": "2001", "source": "b"}, "currency": "jpy"}
    site.pipeline.deliver(event("payment_intent.created", intent(id="pi_yen", **elsewhere)))
    site.pipeline.run()
    page = site.process.submit("/search", {"term": "2001"}).body.decode()
    assert "€5.00" in page
    assert "Succeeded" in page
    assert "¥1,250" in page


def test_one_number_of_two_shops_is_two_orders(site: Site) -> None:
    for shop in ("a", "b"):
        named = {"order_id": "3001", "source": shop}
        site.pipeline.deliver(event("payment_intent.created", intent(id=f"pi_shop_{shop}", metadata=named)))
    site.pipeline.run()
    ways = found(site, "3001")
    assert ["/life/order/3001?mode=test&shop=a", "/life/order/3001?mode=test&shop=b"] == sorted(ways)
    page = site.process.get("/life/order/3001?mode=test&shop=b").body.decode()
    assert "pi_shop_b" in page
    assert "pi_shop_a" not in page
    assert "/life/order/3001?mode=test&amp;shop=a" in page


def test_a_payment_leads_to_the_order_of_its_own_shop(site: Site) -> None:
    for shop in ("a", "b"):
        named = {"order_id": "3002", "source": shop}
        site.pipeline.deliver(event("payment_intent.created", intent(id=f"pi_own_{shop}", metadata=named)))
    site.pipeline.run()
    for shop in ("a", "b"):
        page = site.process.get(f"/life/payment_intent/pi_own_{shop}?mode=test").body.decode()
        assert f'href="/life/order/3002?mode=test&amp;shop={shop}"' in page


def test_an_order_object_of_an_old_api_is_told_by_what_it_names(site: Site) -> None:
    retired = {"id": "or_1", "object": "order", "charge": "ch_1", "amount": 1250, "currency": "eur"}
    site.pipeline.deliver(event("order.payment_succeeded", retired, id="evt_order", api_version="2017-08-15"))
    site.pipeline.run()
    path = led(site, "or_1")
    assert "/life/order/or_1?mode=test" == path
    page = site.process.get(path).body.decode()
    assert 'id="evt_order"' in page
    assert 'id="evt_first"' in page


def test_another_page_cannot_search(site: Site) -> None:
    refused = site.process.submit("/search", {"term": "pi_1"}, Origin="https://elsewhere.example")
    assert refused.status == 403


def test_no_search_term_is_written_to_the_log(site: Site) -> None:
    assert site.process.submit("/search", {"term": "ada@example.com"}).status == 303
    assert b"ada" not in site.process.output().lower()
