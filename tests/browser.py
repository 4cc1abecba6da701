"""A real browser for tests, and what a page did in it that it should not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from bench.browser import ARGUMENTS, NAMES, executable

PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)  # a machine may be busy; what holds is seen at once all the same


@contextmanager
def running_browser() -> Iterator[BrowserContext]:
    """The browser, with one profile for all pages: what one of them has fetched and compiled, above all the
    megabytes that draw charts, the next one finds. Skips the test where there is none."""
    if (path := executable()) is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)} is on the PATH")
    with (
        sync_playwright() as playwright,
        TemporaryDirectory(prefix="hooklog-", ignore_cleanup_errors=True) as profile,
        playwright.chromium.launch_persistent_context(
            profile,
            executable_path=path,
            args=ARGUMENTS,
            viewport={"width": 1280, "height": 900},
            timezone_id="America/New_York",
            timeout=PATIENCE,
        ) as browser,
    ):
        browser.set_default_timeout(PATIENCE)
        yield browser


def page_of(browser: BrowserContext, cookie: Mapping[str, str] | None = None) -> Page:
    """A new page, without the cookies and choices of those before it."""
    browser.clear_cookies()
    page = browser.new_page()
    if cookie:
        browser.add_cookies([dict(cookie)])
        of_site = {"origin": cookie["url"].rstrip("/"), "storageTypes": "local_storage"}
        browser.new_cdp_session(page).send("Storage.clearDataForOrigin", of_site)
    return page


class Watched:
    """A page, and everything that it complained of or asked of another machine."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.away: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "trace"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.away.append(request.url)


@contextmanager
def watched_page(browser: BrowserContext, cookie: Mapping[str, str]) -> Iterator[Watched]:
    """A page with a session; whatever it did meanwhile, it complained of nothing and asked nobody else."""
    page = page_of(browser, cookie)
    watched = Watched(page)
    yield watched
    page.close()
    assert (watched.complaints, watched.away) == ([], [])


def barriers(page: Page) -> list[tuple[str, str]]:
    """What stands in the way of whoever cannot see well, as axe finds it: each rule, and where."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found]
