"""How long until the dashboard is painted in a real browser, with a million payments in the tables."""

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from playwright.sync_api import BrowserContext

from bench.browser import executable, launched
from bench.figures import Figure, Observation
from bench.filling import fill_payments
from bench.pipeline import Pipeline
from bench.rig import START_SECONDS, Advance, Broken, Rig, answers, until
from bench.scale import Scale
from projections.dashboard.links import Links
from workers.servers.ports import available

ZONES = ("Europe/Berlin", "Asia/Tokyo", "America/New_York", "Australia/Sydney", "America/Sao_Paulo")
"""In each the same figures are asked for a first time."""

WARM_SECONDS = 120.0

# By its heads an account is known, and that it has live data.
_ACCOUNT = "INSERT INTO heads (account, livemode, object, object_id) VALUES ('default', true, 'charge', '')"
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_COMPLETE = "!document.querySelector('[data-pending]')"


@dataclass(frozen=True)
class Dashboard:
    """Milliseconds from the navigation to the first paint: of the view that everybody opens, with all of its
    figures; and of views that nobody asked for before, whose slower figures follow."""

    opened: list[float]
    anew: list[float]
    payments: int

    @property
    def figures(self) -> list[Figure]:
        return [Figure("dashboard painted, all figures", median(self.opened), "ms", at_most=300.0)]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("dashboard painted, a view of its own", round(median(self.anew), 1), "ms"),
            Observation("payments below the dashboard", self.payments, "payments"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> Dashboard:
    """Raises Broken where there is no browser."""
    if (path := executable()) is None:
        raise Broken("the dashboard is measured in a Chromium, and there is none on the PATH")
    payments = scale.dashboard_payments
    with (
        Pipeline.on(rig, "dashboard") as pipeline,
        launched(path) as chromium,
        tempfile.TemporaryDirectory(prefix="hooklog-") as home,
    ):
        fill_payments(
            pipeline.database,
            payments,
            until=datetime.now(UTC),
            splits=("none",),
            advance=lambda part: advance(part / 2),
        )
        pipeline.database.execute(_ACCOUNT)
        port = available(0, variable="DASHBOARD_PORT")
        with pipeline.running("dashboard", DASHBOARD_PORT=str(port), HOOKLOG_HOME=home) as process:
            until(lambda: answers(port), START_SECONDS, "the dashboard answers", process)
            url = f"http://127.0.0.1:{port}/"
            browser = chromium.new_context(viewport={"width": 1280, "height": 900})
            browser.request.get(f"{url}enter?token={Links(Path(home)).token()}")
            until(lambda: painted(browser, url)[1], WARM_SECONDS, "the dashboard has its figures", process)
            opened = [painted(browser, url) for _ in ZONES]
            if not all(complete for _, complete in opened):
                raise Broken("the page was painted before all of its figures were there")
            advance(0.2)
            anew = [painted(browser, f"{url}?zone={zone}")[0] for zone in ZONES]
            advance(0.3)
    return Dashboard([milliseconds for milliseconds, _ in opened], anew, payments)


def painted(browser: BrowserContext, url: str) -> tuple[float, bool]:
    """Milliseconds to the first paint, and whether every figure was on the page with it."""
    page = browser.new_page()
    try:
        page.goto(url)
        if page.url != url:
            raise Broken(f"the dashboard led to {page.url}")
        complete = bool(page.evaluate(_COMPLETE))
        page.wait_for_selector("[data-pending]", state="detached", timeout=WARM_SECONDS * 1000)
        time.sleep(0.5)  # what draws the charts is not to slow the next one
        return float(page.evaluate(_PAINTED)), complete
    finally:
        page.close()
