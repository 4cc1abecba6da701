"""Search and a life in a real browser: for everybody, on any screen, and asking nobody else."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser import barriers, running_browser, watched_page
from tests.conftest import Servers
from tests.dashboard_site import Site
from tests.lives import serving_lives

PAYMENT, SUBSCRIPTION = "life/payment_intent/pi_1?mode=test", "life/subscription/sub_1?mode=test&page=last"


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with serving_lives(servers) as site:
        yield site


@pytest.fixture(scope="module")
def page(site: Site) -> Iterator[Page]:
    with running_browser() as browser, watched_page(browser, site.cookie) as watched:
        yield watched.page


def test_a_search_leads_to_a_life_that_tells_what_the_tables_say(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.get_by_role("searchbox").fill("1007")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Order 1007")
    assert "?mode=test" in page.url
    [paid] = site.asked(
        "SELECT amount_received, status FROM payment_intents WHERE id = 'pi_1' AND NOT livemode"
    )
    expect(page.locator("#evt_last")).to_contain_text(f"€{paid['amount_received'] / 100:.2f}")
    expect(page.locator("#evt_last")).to_contain_text(paid["status"].title())
    page.locator("#evt_last summary").click()
    expect(page.locator("#evt_last pre")).to_contain_text('"payment_intent.succeeded"')


def test_an_event_that_was_searched_is_in_sight(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.get_by_role("searchbox").fill("evt_dispute")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#evt_dispute")).to_be_in_viewport()
    page.get_by_role("searchbox").fill("nobody@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Nothing is known by")
    expect(page.get_by_role("searchbox")).to_have_value("nobody@example.com")
    assert "nobody" not in page.url


@pytest.mark.parametrize(
    ("scheme", "paths"), [("light", [PAYMENT, SUBSCRIPTION, "search"]), ("dark", [PAYMENT])]
)
def test_nothing_stands_in_the_way_of_whoever_cannot_see_well(
    page: Page, site: Site, scheme: Literal["light", "dark"], paths: list[str]
) -> None:
    page.emulate_media(color_scheme=scheme)
    for path in paths:
        page.goto(site.address + path)
        for summary in page.locator(".others summary, #evt_last summary").all():
            summary.click()
        assert [] == barriers(page)


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for path in (PAYMENT, SUBSCRIPTION, "search"):
        page.goto(site.address + path)
        for summary in page.locator("summary").all():
            summary.click()
        assert 360 == page.evaluate("document.documentElement.scrollWidth")
