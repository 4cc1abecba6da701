"""An object's whole life, on real servers: in causal order, with what each event changed and who was told."""

import re
from collections.abc import Iterator

import pytest

from tests.conftest import Servers
from tests.dashboard_site import Site
from tests.events import NOW, event, intent
from tests.lives import serving_lives, set_aside

PAYMENT, SUBSCRIPTION = "/life/payment_intent/pi_1?mode=test", "/life/subscription/sub_1?mode=test"


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with serving_lives(servers) as site:
        yield site


def page(site: Site, path: str) -> str:
    answer = site.process.get(path)
    assert 200 == answer.status, path
    return answer.body.decode().replace("&amp;", "&")


def events(page: str) -> list[str]:
    return re.findall(r'<li class="card of-[^"]+" id="([^"]+)">', page)


def card(page: str, event_id: str) -> str:
    """What is told of one event."""
    return page.split(f'id="{event_id}">')[1].split("</li>")[0]


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def test_it_is_told_in_causal_order_with_what_each_event_changed(site: Site) -> None:
    told = page(site, PAYMENT)
    assert [
        "evt_first", "evt_failed", "evt_harmful", "evt_charge", "evt_last", "evt_session", "evt_refund",
        "evt_undigested", "evt_dispute", "obs_settled",
    ] == events(told)  # fmt: skip
    assert "No funds. (insufficient_funds)" in card(told, "evt_failed")
    last = words(card(told, "evt_last"))
    assert "Status was Requires payment method → is now Succeeded" in last
    assert "Amount received was €0.00 → is now €12.50" in last
    assert "_secret_" not in told


@pytest.mark.parametrize(
    ("event_id", "mark"),
    [
        ("evt_first", "Arrived out of order"),
        ("evt_harmful", "Quarantined"),
        ("evt_harmful", "folded into nothing"),
        ("evt_undigested", "Dead letter: refunds shows an older state"),
        ("evt_undigested", "./run dead-letters retry re_1"),
        ("obs_settled", "Seen by a look at Stripe"),
        ("obs_settled", "$12.92"),
        ("evt_dispute", "applied here"),
    ],
)
def test_an_event_bears_the_mark_of_what_befell_it_here(site: Site, event_id: str, mark: str) -> None:
    assert mark in words(card(page(site, PAYMENT), event_id))


def test_a_quarantined_object_is_found_and_told_though_no_table_knows_it(site: Site) -> None:
    set_aside(site, event("payment_intent.created", intent(id="pi_alone"), id="evt_alone"))
    answer = site.process.submit("/search", {"term": "pi_alone"})
    assert (303, "/life/payment_intent/pi_alone?mode=test") == (answer.status, answer.headers["Location"])
    assert ["evt_alone"] == events(page(site, answer.headers["Location"]))


def test_a_life_leads_to_whose_it_is_and_to_what_belongs_to_it(site: Site) -> None:
    told = page(site, PAYMENT)
    for path in ("customer/cus_1", "order/1007", "charge/ch_1", "refund/re_1", "dispute/du_1"):
        assert f'href="/life/{path}?mode=test"' in told
    assert "evt_customer" in events(page(site, "/life/customer/cus_1?mode=test&event=evt_customer"))


def test_another_object_tells_the_life_of_what_it_is_about(site: Site) -> None:
    told = events(page(site, "/life/checkout.session/cs_1?mode=test"))
    assert {"evt_session", "evt_first", "evt_last", "evt_charge"} <= set(told)
    told = events(page(site, "/life/balance_transaction/txn_1?mode=test"))
    assert {"obs_settled", "evt_charge"} <= set(told)


def test_an_id_of_both_modes_is_told_apart_and_each_leads_to_the_other(site: Site) -> None:
    live = page(site, "/life/payment_intent/pi_1?mode=live")
    assert ["evt_live"] == events(live)
    assert PAYMENT in live
    assert "evt_live" not in events(page(site, PAYMENT))
    assert "/life/payment_intent/pi_1?mode=live" in page(site, PAYMENT)
    assert "in live data" in page(site, PAYMENT)


def test_a_life_says_what_other_systems_were_told_and_whether_they_took_it(site: Site) -> None:
    refused, taken = re.findall(r'<li class="card notice"[^>]*>(.*?)</li>', page(site, PAYMENT), re.DOTALL)
    assert "Payment: failed" in refused
    assert "Given up" in refused
    assert "1 attempt; the last one: answered 500" in words(refused)
    assert "./run dead-letters retry pi_1" in words(refused)
    assert "Payment: succeeded" in taken
    assert "Told to shop Delivered" in words(taken)
    last = page(site, f"{SUBSCRIPTION}&page=last")
    [access] = re.findall(r'<li class="card notice"[^>]*>(.*?)</li>', last, re.DOTALL)
    assert "User u7 has access" in words(access)
    assert "Told to the callback Delivered" in words(access)
    assert "Plan type pro" in words(access)


def test_that_a_user_has_nothing_any_more_is_told_where_his_subscription_was(site: Site) -> None:
    site.database.execute(
        "INSERT INTO outbox (kind, account, livemode, origin, subject, cause, message, due_at)"
        " SELECT kind, account, livemode, origin, subject, 'moved', message || '{\"has_access\": false}',"
        " now() + interval '1 day' FROM outbox WHERE kind = 'access' AND object_id = 'sub_1'"
    )
    *_, gone = re.findall(
        r'<li class="card notice"[^>]*>(.*?)</li>', page(site, f"{SUBSCRIPTION}&page=last"), re.DOTALL
    )
    assert "User u7 has no access" in words(gone)
    assert "To be told to the callback When its time comes" in words(gone)
    assert 'data-again="10"' in page(site, SUBSCRIPTION)  # no event tells that it was taken
    assert "data-again" not in page(site, PAYMENT)


def test_what_two_endpoints_tell_of_one_object_is_one_life(site: Site) -> None:
    site.pipeline.deliver(event("payment_intent.created", intent(id="pi_two"), id="evt_one"))
    done = intent("succeeded", id="pi_two")
    site.pipeline.deliver(
        event("payment_intent.succeeded", done, created=NOW + 1, id="evt_two"), source="elsewhere"
    )
    site.pipeline.run()
    told = page(site, "/life/payment_intent/pi_two")
    assert ["evt_one", "evt_two"] == events(told)
    assert "by elsewhere" in words(card(told, "evt_two"))


def test_a_long_life_is_told_page_by_page(site: Site) -> None:
    first, last = page(site, SUBSCRIPTION), page(site, f"{SUBSCRIPTION}&page=last")
    assert (40, 20) == (len(events(first)), len(events(last)))
    assert f'<a href="{SUBSCRIPTION}&page=2" rel="next">' in first
    assert 'rel="prev"' not in first
    assert f'<a href="{SUBSCRIPTION}" rel="prev">' in last
    assert 'rel="next"' not in last
    assert '<ol class="life" start="41"' in last
    assert "Quantity was 59 → is now 60" in words(last)
    somewhere = events(last)[3]
    assert somewhere in events(page(site, f"{SUBSCRIPTION}&event={somewhere}"))


def test_an_object_of_thousands_of_events_is_told_in_parts(site: Site) -> None:
    site.database.execute(
        "INSERT INTO events (event_id, type, created_at, source, account, livemode, object, object_id,"
        " received_at, log_partition, log_id, payload)"
        " SELECT id, 'balance.available', to_timestamp(at), 'default', 'default', false, 'balance', '',"
        " now(), 0, at || '-0', jsonb_build_object('id', id, 'type', 'balance.available', 'created', at,"
        " 'data', jsonb_build_object('object',"
        " jsonb_build_object('object', 'balance', 'status', n::text)))::text"
        " FROM generate_series(1, 4100) AS n"
        " CROSS JOIN LATERAL (SELECT 'evt_big_' || n AS id, 1790000000 + n AS at) AS made"
    )
    second = page(site, "/life/balance/?part=2")
    assert "in part 2 of 3" in second
    assert ("evt_big_2001", 40) == (events(second)[0], len(events(second)))
    assert "Status was 2000 → is now 2001" in words(card(second, "evt_big_2001"))
    before = page(site, re.search(r'href="([^"]+)" rel="prev"', second)[1])
    assert "evt_big_2000" == events(before)[-1]
    last = page(site, re.search(r'href="([^"]+)" rel="last"', second)[1])
    assert "evt_big_4100" == events(last)[-1]
    assert "evt_big_3999" in events(page(site, "/life/balance/?event=evt_big_3999"))


def test_what_an_event_holds_does_no_harm(site: Site) -> None:
    told = page(site, "/life/customer/cus_1?mode=test&event=evt_customer")
    assert "&lt;script&gt;alert(1)" in told
    assert "<script>alert" not in told


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/life/charge/ch_none", 404, "Search for it"),
        ("/life/charge/ch_1?mode=live", 404, "leave them out"),
        ("/life/charge/ch_1?page=99", 404, "leave part and page out"),
        ("/life/charge/ch_1?page=0&mode=both&zone=Mars&x=1", 400, "page is last"),
        ("/life/charge/ch_1?event=evt%00", 400, "event is the id of one"),
        ("/life/charge/%00", 404, "Search for it"),
    ],
)
def test_an_address_that_tells_nothing_says_what_to_do(site: Site, path: str, status: int, told: str) -> None:
    answer = site.process.get(path)
    assert (status, True) == (answer.status, told in answer.body.decode())


def test_the_latest_payments_lead_to_their_lives(site: Site) -> None:
    latest = site.process.get("/figures/latest?mode=test").body.decode()
    assert 'href="/life/payment_intent/pi_1?mode=test"' in latest
