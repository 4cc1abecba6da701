"""A real browser for tests, and what a page did in it that it should not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from bench.browser import NAMES, executable, launched

expect.set_options(timeout=20_000)  # a machine may be busy; what holds is seen at once all the same


@contextmanager
def running_browser() -> Iterator[Browser]:
    """The browser; skips the test where there is none."""
    if (path := executable()) is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)} is on the PATH")
    with launched(path) as browser:
        yield browser


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
