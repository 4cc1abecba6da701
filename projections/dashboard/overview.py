"""The page that an owner opens in the morning."""

from starlette.requests import Request
from starlette.responses import Response

from ingest.settings import Settings
from projections.dashboard.pages import Pages
from projections.dashboard.reader import Reader

_LATEST = """
SELECT created_at, id, amount, currency, status, payment_method_type, card_brand, livemode
FROM payments ORDER BY created_at DESC, id LIMIT 10
"""


class Overview:
    """Its routes."""

    def __init__(self, settings: Settings, reader: Reader, pages: Pages) -> None:
        self._settings = settings
        self._reader = reader
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The whole page."""
        latest = await self._reader.rows(_LATEST)
        return self._pages.answer(request, "overview.html", latest=latest)
