"""The pictures in docs/, made anew from the demo's data.

After `./run up` and `./run demo`: `.venv/bin/python -m tests.screenshots URL`, with the link of `up`.
"""

import sys
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import BrowserContext, expect

from tests.browser import running_browser

DOCS = Path(__file__).parent.parent / "docs"
VIEW = "?range=90d&currency=usd"
PICTURES = {
    "dashboard-light.png": ("light", 1280, 960),
    "dashboard-dark.png": ("dark", 1280, 960),
    "dashboard-phone.png": ("light", 360, 780),
}
LIFE, ORDER = "dashboard-life.png", "ord_1517"


def picture(browser: BrowserContext, url: str, name: str) -> None:
    """One of PICTURES, kept in docs/."""
    scheme, width, height = PICTURES[name]
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto(url)  # the first time it lets in, after that whoever is in is led on
    page.goto(urljoin(url, f"/{VIEW}"))
    expect(page.locator("[data-pending]")).to_have_count(0, timeout=30_000)
    expect(page.locator("#revenue .js-plotly-plot .main-svg").first).to_be_visible()
    page.screenshot(path=DOCS / name)
    page.close()


def life(browser: BrowserContext, url: str) -> None:
    """What a search for one of the demo's orders leads to, kept in docs/."""
    page = browser.new_page()
    page.set_viewport_size({"width": 1120, "height": 1240})
    page.goto(urljoin(url, "/search"))
    page.get_by_role("searchbox").fill(ORDER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(ORDER)
    expect(page.locator(".live.on")).to_be_visible()
    page.screenshot(path=DOCS / LIFE)
    page.close()


def main() -> None:
    """Take all of them."""
    with running_browser() as browser:
        for name in PICTURES:
            picture(browser, sys.argv[1], name)
        life(browser, sys.argv[1])


if __name__ == "__main__":
    main()
