"""A real browser: any Chromium that is on this machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
MILLISECONDS = 120_000
"""In which it starts on however busy a machine."""

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str | None:
    """Where a Chromium is."""
    found = (shutil.which(name) for name in NAMES)
    return next(filter(None, found), next((place for place in PLACES if Path(place).exists()), None))


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """The browser, which ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=MILLISECONDS)
        try:
            yield browser
        finally:
            browser.close()
