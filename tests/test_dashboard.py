"""The dashboard in a real browser: what it shows is what SQL says, to everybody, on any screen."""

import csv
import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from projections.dashboard import display
from projections.dashboard.links import Links
from tests.browser import PATIENCE, Watched, barriers, page_of, running_browser, watched_page
from tests.conftest import Servers, namespace
from tests.dashboard_site import Site, serving_site
from tests.events import event
from tests.payments import CHARGE, INTENT

SHOWN = {
    "money": lambda amount: display.money(amount, "usd"),
    "count": display.count,
    "rate": display.rate,
    "number": display.number,
}


@pytest.fixture(scope="module")
def site(servers: Servers) -> Iterator[Site]:
    with namespace(servers) as settings, serving_site(settings) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def watched(browser: BrowserContext, site: Site) -> Iterator[Watched]:
    with watched_page(browser, site.cookie) as watched:
        yield watched


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


def opened(page: Page, address: str) -> Page:
    """The page with all of its figures there."""
    page.goto(address)
    expect(page.locator("[data-pending]")).to_have_count(0)
    return page


def shown(page: Page, figure: str) -> list[list[str]]:
    """A figure's table."""
    rows = page.locator(f"#{figure} tbody tr").all()
    return [[cell.strip() for cell in row.locator("th, td").all_text_contents()] for row in rows]


def test_the_figures_shown_are_those_that_sql_gives(page: Page, site: Site) -> None:
    opened(page, f"{site.address}?currency=usd")
    months = site.asked(
        "SELECT to_char(period_start, 'Mon YYYY') AS month, paid_charges, gross, net, currency"
        " FROM payment_metrics(date_trunc('month', now() - interval '11 months'), now(), currency => 'usd')"
        " ORDER BY period_start"
    )
    assert len(months) == 12
    assert any(month["net"] for month in months)
    assert [
        [month["month"], str(month["paid_charges"]), display.money(month["gross"], "usd")] for month in months
    ] == [row[:3] for row in shown(page, "revenue")]
    assert [display.money(month["net"], "usd") for month in months] == [
        row[5] for row in shown(page, "revenue")
    ]
    [mrr] = site.asked("SELECT mrr FROM mrr_as_of(now(), currency => 'usd')")
    assert display.money(mrr["mrr"], "usd") == shown(page, "mrr")[-1][8]
    tile = page.locator(".tile", has=page.get_by_role("heading", name="MRR", exact=True)).locator(".value")
    assert display.compact_money(mrr["mrr"], "usd") == tile.text_content()


@pytest.mark.parametrize(
    ("figure", "kinds"),
    [
        ("mrr_daily", {"mrr": "money", "customers": "count", "incomplete": "count"}),
        ("quick_ratio", {"gained": "money", "lost": "money", "quick_ratio": "number"}),
        ("arpu", {"mrr_end": "money", "customers_end": "count", "arpu": "money"}),
        ("ltv", {"arpu": "money", "customers_start": "count", "lost_customers": "count",
                 "customer_churn_rate": "rate", "ltv": "money"}),
        ("trial_conversion", {"trials_ended": "count", "converted": "count",
                              "trial_conversion_rate": "rate"}),
        ("dunning_recovery", {"past_due": "count", "left_past_due": "count", "recovered": "count",
                              "canceled": "count", "unpaid": "count", "dunning_recovery_rate": "rate"}),
    ],
)  # fmt: skip
def test_figures_of_recurring_revenue_are_those_that_sql_gives(
    site: Site, figure: str, kinds: dict[str, str]
) -> None:
    by = "" if figure == "mrr_daily" else "'month', "
    rows = site.asked(
        f"SELECT * FROM {figure}(date_trunc('month', now() - interval '11 months'), now(), {by}"
        "currency => 'usd') ORDER BY period_start"
    )
    assert all(any(row[column] for row in rows) for column, kind in kinds.items() if kind != "count")
    name = figure.replace("_", "-")
    card = site.process.get(f"/figures/{name}?currency=usd").body.decode()
    table = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in re.findall("<tr>.*</tr>", card)[1:]]
    assert [[SHOWN[kind](row[column]) for column, kind in kinds.items()] for row in rows] == [
        line[1 : 1 + len(kinds)] for line in table
    ]
    written = list(
        csv.DictReader(StringIO(site.process.get(f"/figures/{name}.csv?currency=usd").body.decode()))
    )
    assert [
        [None if row[column] is None else Decimal(row[column]) for column in kinds] for row in rows
    ] == [
        [Decimal(line[column]) * (100 if kind == "money" else 1) if line[column] else None
         for column, kind in kinds.items()] for line in written
    ]  # fmt: skip


def test_a_chart_draws_what_its_table_tells(page: Page, site: Site) -> None:
    opened(page, f"{site.address}?currency=usd")
    expect(page.locator("#revenue .js-plotly-plot")).to_be_visible()
    drawn = json.loads(page.locator("#revenue script").first.text_content() or "")
    net = next(series for series in drawn["series"] if series["title"] == "Net")
    assert [row[5] for row in shown(page, "revenue")] == net["text"]
    bars = page.locator("#revenue .bars .point").count()
    assert bars == 12


def test_every_figure_can_be_had_as_csv_and_is_explained_by_the_schema(page: Page, site: Site) -> None:
    opened(page, f"{site.address}?currency=usd")
    for card in page.locator(".cards .card").all():
        assert card.locator("a[download]").count() == 1
        explained = card.locator(".meaning p").first.text_content() or ""
        [comment] = site.asked(
            "SELECT coalesce((SELECT obj_description(oid, 'pg_proc') FROM pg_proc WHERE proname = %(name)s"
            " AND pronamespace = current_schema()::regnamespace),"
            " obj_description(to_regclass(%(name)s), 'pg_class')) AS told",
            name=card.locator(".meaning code").last.text_content(),
        )
        assert comment["told"].startswith(explained)
        assert explained
    answer = page.request.get(f"{site.address}figures/revenue.csv?currency=usd", timeout=PATIENCE)
    [*_, last] = csv.DictReader(StringIO(answer.text()))
    [expected] = site.asked(
        "SELECT gross, net FROM payment_metrics(date_trunc('month', now()), now(), currency => 'usd')"
    )
    assert (Decimal(last["gross"]) * 100, last["currency"]) == (expected["gross"], "usd")
    assert Decimal(last["net"]) * 100 == expected["net"]


def test_a_view_is_in_its_address(page: Page, site: Site) -> None:
    opened(page, site.address)
    opened_at = time.time()
    page.get_by_role("link", name="13 weeks").click()
    page.wait_for_url("**range=90d**")
    page.get_by_text("Options").click()
    page.locator("select[name=currency]").select_option("eur")
    page.locator("select[name=by]").select_option("day")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**by=day**")
    assert set(re.split("[?&]", page.url)[1:]) == {
        "range=90d", "currency=eur", "by=day", "zone=Europe%2FBerlin", "mode=test",
    }  # fmt: skip
    expect(page.locator(".about")).to_contain_text("by day, in EUR, Europe/Berlin")
    expect(page.locator("[data-pending]")).to_have_count(0)
    days = "SELECT count(*) FROM period_starts(date_trunc('week', {0}, 'Europe/Berlin') - interval '84 days',"
    days += " {0}, 'day', 'Europe/Berlin')"
    instants = (f"to_timestamp({opened_at})", "now()")  # a day may begin meanwhile
    counts = [site.asked(days.format(at))[0]["count"] for at in instants]
    assert len(shown(page, "revenue")) in counts
    assert "€" in shown(page, "revenue")[0][2]


def test_a_currency_without_decimals_has_none(page: Page, site: Site) -> None:
    opened(page, f"{site.address}?currency=jpy")
    assert all(re.fullmatch(r"−?¥[\d,]+", row[2]) for row in shown(page, "revenue"))  # noqa: RUF001


def test_what_is_wrong_in_an_address_is_said(page: Page, site: Site, watched: Watched) -> None:
    with page.expect_console_message(lambda message: "400" in message.text):
        page.goto(f"{site.address}?by=fortnight&currency=euros&from=2026-02-30&zone=Mars&limit=7")
    told = page.locator("li").all_text_contents()
    assert len(told) == 5
    assert "by is one of day, week, month, quarter, year." in told
    assert all("400" in complaint for complaint in watched.complaints)
    watched.complaints.clear()  # the browser says of an answer of 400 that it is one


def test_test_data_are_shown_as_such_and_live_ones_are_not_mixed_in(page: Page, site: Site) -> None:
    opened(page, site.address)
    expect(page.locator(".note")).to_contain_text("test data only")
    opened(page, f"{site.address}?mode=live")
    expect(page.locator("#revenue .empty")).to_contain_text("./run demo")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_whoever_cannot_see_well(page: Page, site: Site, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, f"{site.address}?currency=usd")
    expect(page.locator("#success .js-plotly-plot")).to_be_visible()
    for summary in page.locator("#revenue summary, .options summary").all():
        summary.click()
    assert [] == barriers(page)


def test_dark_is_chosen_by_a_switch_and_stays(page: Page, site: Site) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    opened(page, site.address)
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    dark = page.evaluate(ground)
    page.reload()
    assert (light != dark, dark) == (True, page.evaluate(ground))


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    opened(page, f"{site.address}?currency=usd")
    page.locator("#balance").scroll_into_view_if_needed()
    page.get_by_text("Options").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_keyboard_reaches_content_and_tables(page: Page, site: Site) -> None:
    opened(page, f"{site.address}?currency=usd")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.locator("#revenue summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#revenue table")).to_be_visible()


def test_names_that_somebody_chose_are_drawn_as_they_are(page: Page, site: Site) -> None:
    name = '<b>Gold</b> & "more" <a href="https://elsewhere.example">%{x}</a>'
    opened(page, f"{site.address}?currency=usd")
    told = page.locator("#subscriptions-by-plan script")
    drawn = json.loads(told.text_content() or "")
    drawn["series"] = [{**each, "title": f"{name} {n}"} for n, each in enumerate(drawn["series"] * 2)]
    told.evaluate("(script, text) => { script.textContent = text; }", json.dumps(drawn))
    page.locator("#subscriptions-by-plan").scroll_into_view_if_needed()
    expect(page.locator("#subscriptions-by-plan .legendtext").first).to_have_text(f"{name} 0")
    assert page.locator("#subscriptions-by-plan svg a").count() == 0


def test_a_page_in_the_background_leaves_its_connection_to_others(page: Page, site: Site) -> None:
    page.add_init_script(
        "window.streams = []; const Native = EventSource;"
        "window.EventSource = class extends Native { constructor(at) { super(at); streams.push(this); } }"
    )
    opened(page, f"{site.address}?currency=usd")
    expect(page.locator(".live.on")).to_be_visible()
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    for hidden, states in (("true", [2]), ("false", [2, 1])):
        page.evaluate(f"{hide % hidden}; document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_function(
            "states => JSON.stringify(streams.map(each => each.readyState)) === JSON.stringify(states)",
            arg=states,
        )


def test_a_page_whose_session_has_ended_says_so(browser: BrowserContext, site: Site) -> None:
    page = page_of(browser)
    page.goto(f"{site.address}enter?token={Links(site.process.home).token()}")
    opened(page, f"{site.address}?currency=usd")
    page.evaluate("fetch('/logout', {method: 'POST', redirect: 'manual'}).then(() => 0)")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name="log in again")).to_have_attribute("href", page.url)
    page.close()


def test_an_empty_page_begins_when_there_is_something(browser: BrowserContext, servers: Servers) -> None:
    with namespace(servers) as settings, serving_site(settings, filled=False) as site:
        page = page_of(browser, site.cookie)
        opened(page, site.address)
        expect(page.locator(".live.on")).to_be_visible()
        charge = {**CHARGE, "livemode": False, "amount_captured": 4200, "amount_refunded": 0}
        site.pipeline.deliver(event("charge.succeeded", charge))
        site.pipeline.run()
        expect(page.locator(".about")).to_contain_text("Test data")
        expect(page.locator(".about")).to_contain_text(f"in {charge['currency'].upper()}")
        page.close()


def test_a_new_payment_appears_by_itself_and_what_was_opened_stays_open(page: Page, site: Site) -> None:
    opened(page, f"{site.address}?currency=eur&range=7d")
    expect(page.locator(".live.on")).to_be_visible()
    page.locator("#revenue summary").first.click()
    before = shown(page, "revenue")[-1]
    now = int(time.time())
    intent = {**INTENT, "id": "pi_new", "created": now, "status": "succeeded", "latest_charge": "ch_new"}
    charge = {
        **CHARGE, "id": "ch_new", "payment_intent": "pi_new", "created": now, "amount": 4200,
        "amount_captured": 4200, "amount_refunded": 0, "livemode": False,
    }  # fmt: skip
    site.pipeline.deliver(
        event("payment_intent.succeeded", intent, created=now), event("charge.succeeded", charge, created=now)
    )
    site.pipeline.run()
    expect(page.locator("#latest tbody tr").first).to_contain_text("pi_new")
    expect(page.locator("#revenue tbody tr").last.locator("td").first).not_to_have_text(before[1])
    expect(page.locator("#revenue table")).to_be_visible()
