"""The dashboard's application: its parts, wired once, and its routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingest.logging import RequestLog
from ingest.settings import Settings
from projections.dashboard.answers import Answers
from projections.dashboard.assets import Assets
from projections.dashboard.changes import Changes
from projections.dashboard.ended import Ended
from projections.dashboard.entrance import Entrance
from projections.dashboard.gate import Gate
from projections.dashboard.links import Links
from projections.dashboard.lives import Lives
from projections.dashboard.meanings import Meanings
from projections.dashboard.overview import Overview
from projections.dashboard.pages import Pages
from projections.dashboard.policy import Policy
from projections.dashboard.pulse import Taker
from projections.dashboard.reader import AT_ONCE, Reader
from projections.dashboard.refusals import REFUSALS
from projections.dashboard.search import Search
from projections.dashboard.security import SecurityHeaders
from projections.dashboard.sessions import Sessions
from projections.dashboard.shared import Shared
from projections.dashboard.throttle import Throttle

FIGURES_AT_ONCE = AT_ONCE - 2


@dataclass(frozen=True)
class Dashboard:
    """The parts that routes are made of."""

    settings: Settings
    reader: Reader
    pages: Pages
    assets: Assets
    changes: Changes


def create_dashboard(settings: Settings) -> Starlette:
    """The application, its parts at `state.dashboard`. Neither Postgres nor Redis need be there yet.

    It can be mounted in another one: `app.mount("/figures", create_dashboard(settings))`. Raises
    InvalidSettings where it would let anybody in.
    """
    assert settings.database_url, "DATABASE_URL is set by whoever starts this process"
    policy = Policy.of(settings)
    shared = Shared(settings.redis_url, settings.log_prefix)
    sessions = Sessions(policy.key, policy.users, Ended(shared, settings.hooklog_home))
    reader = Reader(settings.analyst_database_url or settings.database_url)
    assets = Assets()
    dashboard = Dashboard(settings, reader, Pages(assets), assets, Changes(reader))
    # Figures may take their time, and must not take it from what every page begins with.
    answers, quick = (Answers(reader, dashboard.changes, at_once) for at_once in (FIGURES_AT_ONCE, AT_ONCE))
    pulse = Taker(settings, answers, quick, dashboard.changes)
    overview = Overview(answers, quick, Meanings(reader), pulse, dashboard.pages)

    entrance = Entrance(
        policy,
        sessions,
        Throttle(policy.key, shared),
        None if policy.users else Links(settings.hooklog_home),
        dashboard.pages,
    )

    search, lives = Search(reader, dashboard.pages), Lives(reader, dashboard.changes, dashboard.pages)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(dashboard.changes.watch()), asyncio.create_task(overview.keep_warm())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await reader.close()
            await shared.close()

    app = Starlette(
        routes=[*routes(dashboard, overview), *entrance.routes(), *search.routes(), *lives.routes()],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(RequestLog),
            Middleware(Gate, policy=policy, sessions=sessions),
        ],
        exception_handlers=REFUSALS,
        lifespan=lifespan,
    )
    app.state.dashboard = dashboard
    app.router.redirect_slashes = False
    return app


def routes(dashboard: Dashboard, overview: Overview) -> list[Route]:
    """Every route there is."""
    return [
        Route("/", overview.show),
        Route("/tiles", overview.tiles),
        Route("/pulse", overview.pulse),
        Route("/figures/{figure}.csv", overview.written),
        Route("/figures/{figure}", overview.part),
        Route("/changes", dashboard.changes.stream),
        Route("/assets/{version}/{name}", dashboard.assets.answer),
        Route("/healthz", alive),
    ]


async def alive(_request: Request) -> Response:
    """The process answers; whether Postgres does is another matter."""
    return JSONResponse({"status": "alive"})
