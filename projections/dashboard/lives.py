"""The page that tells an object's life, event by event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.event import Event
from projections.dashboard import display, kin, life
from projections.dashboard.difference import Changed, known
from projections.dashboard.kin import Place
from projections.dashboard.pages import Pages
from projections.dashboard.reader import Reader
from projections.dashboard.view import MODES, BadView

PAGE = 40
"""Events."""

_DEFAULT = "SELECT default_livemode() AS livemode"
_MOST_PAGES = 1_000_000


@dataclass(frozen=True)
class Asked:
    """What a life's address says beside the object."""

    mode: str | None
    account: str | None
    zone: str
    part: int
    page: int

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Asked":
        """Raises BadView."""
        problems = []
        if unknown := query.keys() - {"mode", "account", "zone", "part", "page"}:
            problems.append(f"{len(unknown)} of its parameters are unknown here")
        mode, zone = query.get("mode"), query.get("zone", "UTC")
        if mode not in (None, *MODES):
            problems.append(f"mode is one of {', '.join(MODES)}")
        if not display.is_zone(zone):
            problems.append("zone is the name of a time zone, as Europe/Berlin")
        numbers = [query.get(name, "1") for name in ("part", "page")]
        if not all(each.isascii() and each.isdigit() and 0 < int(each) < _MOST_PAGES for each in numbers):
            problems.append("part and page are numbers from 1 on")
        if problems:
            raise BadView(problems)
        part, page = map(int, numbers)
        return cls(mode, query.get("account"), zone, part, page)


def path_to(kind: str, name: str, at: Place | None = None, zone: str = "UTC", **more: Any) -> str:
    """The address of a life, below the dashboard's own."""
    query: dict[str, Any] = {}
    if at:
        query["mode"] = "live" if at.livemode else "test"
        if at.account != "default":
            query["account"] = at.account
    if zone != "UTC":
        query["zone"] = zone
    query |= {each: value for each, value in more.items() if value != 1}
    return f"/life/{quote(kind, safe='')}/{quote(name, safe='')}{'?' + urlencode(query) if query else ''}"


@dataclass(frozen=True)
class Member:
    """An object of a life: where its own is told, and what is best known of it."""

    kind: str
    name: str
    path: str
    state: Changed


class Lives:
    """Its routes."""

    def __init__(self, reader: Reader, pages: Pages) -> None:
        self._reader = reader
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/life/{kind}/{name:path}", self.show)]

    async def show(self, request: Request) -> Response:
        """One page of a life."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        asked = Asked.read(request.query_params)
        found = await kin.places(self._reader, kind, name) if "\0" not in kind + name else []
        at = await self._chosen(found, asked)
        if at is None:
            raise HTTPException(404, _unknown(found))
        objects, cut = await kin.of(self._reader, kind, name, at)
        lived = await life.read(self._reader, objects, at, asked.part)
        pages = max(1, -(-len(lived.moments) // PAGE))
        if not lived.moments or asked.page > pages:
            raise HTTPException(404, "This life has fewer pages than that.")
        shown = lived.moments[(asked.page - 1) * PAGE : asked.page * PAGE]
        around = _around(asked, pages, lived.parts)
        return self._pages.answer(
            request,
            "life.html",
            kind=kind,
            name=name,
            at=at,
            others=[(place, path_to(kind, name, place, asked.zone)) for place in found if place != at],
            zone=asked.zone,
            cut=cut and kin.MOST_OBJECTS,
            moments=shown,
            first=(asked.page - 1) * PAGE + 1,
            lived=lived,
            objects=len(objects),
            members=[_member(key, event, at, asked.zone) for key, event in lived.newest.items()],
            heading=_heading(kind, name),
            before=around[0] and path_to(kind, name, at, asked.zone, **around[0]),
            after=around[1] and path_to(kind, name, at, asked.zone, **around[1]),
            path_to=path_to,
            display=display,
        )

    async def _chosen(self, found: list[Place], asked: Asked) -> Place | None:
        """Which is meant, where the id is known in several accounts or modes."""
        matching = [place for place in found if asked.account in (None, place.account)]
        if asked.mode:
            return next((place for place in matching if place.livemode is MODES[asked.mode]), None)
        if len({place.livemode for place in matching}) < 2:
            return next(iter(matching), None)
        [default] = await self._reader.rows(_DEFAULT)
        return next(place for place in matching if place.livemode is default["livemode"])


def _around(asked: Asked, pages: int, parts: int) -> tuple[dict[str, int] | None, dict[str, int] | None]:
    """Where the pages before and after this one are."""
    before = after = None
    if asked.page > 1:
        before = {"part": asked.part, "page": asked.page - 1}
    elif asked.part > 1:
        before = {"part": asked.part - 1}
    if asked.page < pages:
        after = {"part": asked.part, "page": asked.page + 1}
    elif asked.part < parts:
        after = {"part": asked.part + 1}
    return before, after


def _member(key: tuple[str, str], newest: Event, at: Place, zone: str) -> Member:
    kind, name = key
    return Member(kind, name, path_to(kind, name, at, zone), Changed(known(newest, zone), 0))


def _heading(kind: str, name: str) -> str:
    return f"{display.words(kind)} {name}"


def _unknown(found: list[Place]) -> str:
    if found:
        return "There is such an object, but not in this account and mode: leave them out to see where."
    return "No event that tells of such an object has arrived here. Search for it, or wait a moment."
