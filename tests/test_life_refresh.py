"""An open life learns of what is new of it, in a real browser, and its reader stays where he is."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import billing_objects as billing
from tests.browser import barriers, page_of, running_browser, watched_page
from tests.conftest import Servers
from tests.dashboard_site import Site
from tests.events import NOW, event, intent
from tests.lives import MADE, serving_lives

NEWEST = "SELECT max(place) + (SELECT sum(moves) FROM checkpoints)::bigint AS mark FROM events"
TOP = "element => element.getBoundingClientRect().top"


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with serving_lives(servers) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: BrowserContext, site: Site) -> Iterator[Page]:
    with watched_page(browser, site.cookie) as watched:
        yield watched.page


def opened(page: Page, address: str) -> Page:
    """The page, listening for what is new."""
    page.goto(address)
    expect(page.locator("[data-live-text]")).to_have_text("Refreshes by itself")
    return page


def test_a_new_event_appears_and_is_told_without_taking_the_focus(page: Page, site: Site) -> None:
    opened(page, f"{site.address}life/payment_intent/pi_1?mode=test")
    card = page.locator("#evt_last")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.locator("pre")).to_be_visible()
    held = card.element_handle()
    refunded = {**MADE, "status": "succeeded", "amount_received": 1250, "description": "Thanks"}
    site.pipeline.deliver(event("payment_intent.updated", refunded, created=NOW + 90, id="evt_thanks"))
    site.pipeline.run()
    expect(page.locator("#evt_thanks")).to_contain_text("Thanks")
    expect(page.locator("[data-news]")).to_have_text("New: Payment: updated")
    expect(page.locator("[data-news] a")).to_have_attribute("href", "#evt_thanks")
    expect(page.locator(".members .card").first).to_contain_text("Thanks")
    expect(card.locator("pre")).to_be_visible()
    expect(card.locator("summary")).to_be_focused()
    assert page.evaluate("([old, now]) => old === now", [held, card.element_handle()])
    assert [] == barriers(page)


def test_whoever_is_about_to_follow_what_is_new_keeps_the_focus(page: Page, site: Site) -> None:
    opened(page, f"{site.address}life/payment_intent/pi_1?mode=test")
    news = page.locator("[data-news]")
    for at, kind in ((NOW + 91, "processing"), (NOW + 92, "canceled")):
        site.pipeline.deliver(event(f"payment_intent.{kind}", {**MADE, "status": kind}, created=at))
        site.pipeline.run()
        expect(news).to_have_text(f"New: Payment: {kind}")
        news.locator("a").focus()
    expect(news.locator("a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("ol.life > li:target")).to_contain_text("Canceled")


def test_what_is_put_above_does_not_move_what_is_being_read(page: Page, site: Site) -> None:
    opened(page, f"{site.address}life/subscription/sub_1?mode=test")
    read = page.locator("ol.life > li").nth(20)
    name = read.get_attribute("id")
    read.evaluate("element => element.scrollIntoView({block: 'start'})")
    before = read.evaluate(TOP)
    late = billing.event("invoice.created", billing.invoice(id="in_late"), billing.NOON + 2)
    site.pipeline.deliver(late)
    site.pipeline.run()
    expect(page.locator(f"#{late.id}")).to_have_count(1)
    assert abs(page.locator(f"#{name}").evaluate(TOP) - before) < 2
    expect(page.locator("ol.life > li")).to_have_count(40)


def test_what_is_new_on_a_later_page_is_told_on_this_one(page: Page, site: Site) -> None:
    opened(page, f"{site.address}life/subscription/sub_1?mode=test")
    known = page.locator("ol.life > li").evaluate_all("all => all.map(each => each.id)")
    site.pipeline.deliver(
        billing.event("customer.subscription.updated", billing.subscription(), billing.NOON + 900)
    )
    site.pipeline.run()
    expect(page.locator("[data-news]")).to_have_text("New, but not on this page: go there")
    assert known == page.locator("ol.life > li").evaluate_all("all => all.map(each => each.id)")
    page.locator("[data-news] a").click()
    expect(page.locator("ol.life")).to_contain_text("Quantity")


def test_the_page_that_was_the_last_keeps_its_events_when_there_is_another(page: Page, site: Site) -> None:
    site.pipeline.deliver(
        *(
            event("payment_intent.processing", intent("processing", id="pi_long", amount=n), created=NOW + n)
            for n in range(40)
        )
    )
    site.pipeline.run()
    opened(page, f"{site.address}life/payment_intent/pi_long?mode=test&page=last")
    expect(page.locator("ol.life > li")).to_have_count(40)
    site.pipeline.deliver(
        event("payment_intent.succeeded", intent("succeeded", id="pi_long"), created=NOW + 99)
    )
    site.pipeline.run()
    expect(page.locator("[data-news]")).to_contain_text("not on this page")
    expect(page.locator("ol.life > li")).to_have_count(40)


def test_what_befell_others_changes_nothing_here(page: Page, site: Site) -> None:
    opened(page, f"{site.address}life/payment_intent/pi_1?mode=test")
    shown = page.locator("[data-refresh]")
    held = page.locator("ol.life > li").first.element_handle()
    site.pipeline.deliver(event("payment_intent.created", intent(id="pi_other"), created=NOW))
    site.pipeline.run()
    [newest] = site.asked(NEWEST)
    expect(shown).to_have_attribute("data-as-of", str(newest["mark"]))
    assert page.evaluate("held => held.isConnected", held)
    expect(page.locator("[data-news]")).to_be_empty()


WAITS = """
const waits = window.waits = {now: new Set(), most: 0}, [set, clear] = [setTimeout, clearTimeout];
window.setTimeout = (act, pause) => {
  const id = set(() => { waits.now.delete(id); act(); }, pause);
  if (pause === 10000) waits.most = Math.max(waits.most, waits.now.add(id).size);
  return id;
};
window.clearTimeout = (id) => { waits.now.delete(id); clear(id); };
"""
"""Counts what waits for ten seconds at once, as what is still to be told to others does."""


def test_however_often_a_life_is_refreshed_it_waits_for_what_is_to_be_told_but_once(
    page: Page, site: Site
) -> None:
    page.add_init_script(WAITS)
    site.database.execute("UPDATE outbox SET delivered_at = NULL WHERE object_id = 'pi_1'")
    opened(page, f"{site.address}life/payment_intent/pi_1?mode=test")
    expect(page.locator("[data-refresh]")).to_have_attribute("data-again", "10")
    for at in range(3):
        new = event("payment_intent.updated", MADE, created=NOW + 200 + at)
        site.pipeline.deliver(new)
        site.pipeline.run()
        expect(page.locator(f"#{new['id']}")).to_have_count(1)
    assert 1 == page.evaluate("waits.most")


def test_a_life_whose_session_has_ended_says_so(browser: BrowserContext, site: Site) -> None:
    page = page_of(browser, site.cookie)
    opened(page, f"{site.address}life/payment_intent/pi_1?mode=test")
    page.context.clear_cookies()
    site.pipeline.deliver(event("payment_intent.created", intent(id="pi_after"), created=NOW))
    site.pipeline.run()
    expect(page.get_by_role("link", name="Logged out: log in again")).to_have_attribute("href", page.url)
    page.close()
