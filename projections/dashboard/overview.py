"""The page that an owner opens in the morning, its parts by themselves, and each figure as CSV."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard import choices, display, table, view
from projections.dashboard.answers import Answer, Answers
from projections.dashboard.cards import PATIENCE, Cards
from projections.dashboard.figure import Figure
from projections.dashboard.leaving import while_there
from projections.dashboard.meanings import Meanings
from projections.dashboard.pages import Pages
from projections.dashboard.pulse import Taker
from projections.dashboard.sections import FIGURES, SECTIONS
from projections.dashboard.span import GRANULARITIES, RANGES
from projections.dashboard.view import View

WARM_SECONDS = 600.0

PULSE_PATIENCE = 2.0
"""Seconds for what takes a pulse the longest: what waits in the log must not wait for that."""

ZONES = (
    "UTC", "Africa/Johannesburg", "Africa/Lagos", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/Toronto", "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Jakarta", "Asia/Kolkata", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
    "Europe/Amsterdam", "Europe/Berlin", "Europe/Dublin", "Europe/Lisbon", "Europe/London", "Europe/Madrid",
    "Europe/Paris", "Europe/Rome", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich",
    "Pacific/Auckland",
)  # fmt: skip
"""Those that are suggested; any may be typed."""


class Overview:
    """Its routes. A page asks for all of its figures at once, and waits PATIENCE for them; a part waits until
    it is there."""

    def __init__(
        self, answers: Answers, quick: Answers, meanings: Meanings, pulse: Taker, pages: Pages
    ) -> None:
        self._answers = answers
        self._quick = quick
        self._meanings = meanings
        self._pulse = pulse
        self._pages = pages
        self._cards = Cards(answers)

    async def keep_warm(self) -> None:
        """Ask now and then what everybody will ask, so that a page that is opened has figures to begin with.

        Until it is cancelled. A database that is away is no matter: whoever opens a page is told.
        """
        while True:
            with suppress(psycopg.Error):
                await self._warm()
            await asyncio.sleep(WARM_SECONDS)

    async def _warm(self) -> None:
        default = view.read([], view.quantised(datetime.now(UTC)))
        seen, _ = await choices.find(default, self._quick)
        meant = await self._meanings.read()
        await self._cards.tiles(seen, meant, None)
        await self._cards.of(list(FIGURES.values()), seen, meant, None)

    async def show(self, request: Request) -> Response:
        """The whole page."""
        seen, found = await choices.find(_asked(request), self._quick)
        meant = await self._meanings.read()
        tiles, cards, pulse = await asyncio.gather(
            self._cards.tiles(seen, meant, PATIENCE),
            self._cards.of(list(FIGURES.values()), seen, meant, PATIENCE),
            self._pulse.take(PATIENCE),
        )
        return self._pages.answer(
            request,
            "overview.html",
            view=seen,
            choices=found,
            ranges=RANGES,
            granularities=GRANULARITIES,
            zones=ZONES,
            sections=SECTIONS,
            cards={card.figure.name: card for card in cards},
            tiles=tiles,
            pulse=pulse,
            display=display,
        )

    async def part(self, request: Request) -> Response:
        """One figure's card."""
        figure, seen = await self._figure(request)
        meant = await self._meanings.read()
        [card] = await while_there(request, self._cards.of([figure], seen, meant, None))
        return self._answer_part(request, "card.html", card=card, view=seen)

    async def tiles(self, request: Request) -> Response:
        """The numbers at the top."""
        seen, _ = await choices.find(_asked(request), self._quick)
        meant = await self._meanings.read()
        shown = await while_there(request, self._cards.tiles(seen, meant, None))
        return self._answer_part(request, "tiles.html", tiles=shown, view=seen)

    async def pulse(self, request: Request) -> Response:
        """The pipeline's own."""
        pulse = await while_there(request, self._pulse.take(PULSE_PATIENCE))
        return self._answer_part(request, "pulse.html", pulse=pulse, view=_asked(request))

    async def written(self, request: Request) -> Response:
        """A figure as CSV."""
        figure, seen = await self._figure(request)
        seen = seen.divided(figure.by)
        answer = await while_there(request, self._answered(figure, seen))
        first, last = (display.date(at, seen.zone) for at in (seen.span.since, seen.span.until))
        name = f"{figure.name}-{first}-{last}{f'-{seen.currency}' if seen.currency else ''}.csv"
        return Response(
            "".join(table.written(figure, answer.rows, seen)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def _answered(self, figure: Figure, seen: View) -> Answer:
        return await self._answers.ask(figure.query, seen.parameters(), seen.lasting)

    async def _figure(self, request: Request) -> tuple[Figure, View]:
        figure = FIGURES.get(request.path_params["figure"])
        if figure is None:
            raise HTTPException(404)
        seen, _ = await choices.find(_asked(request), self._quick)
        return figure, seen

    def _answer_part(self, request: Request, template: str, **context: Any) -> Response:
        return self._pages.answer(request, template, display=display, **context)


def _asked(request: Request) -> View:
    """Raises BadView."""
    return view.read(request.query_params.multi_items(), view.quantised(datetime.now(UTC)))
