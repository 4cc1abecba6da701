"""The page that tells an object's life, event by event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from projections.dashboard import display, kin, life
from projections.dashboard.changes import Changes
from projections.dashboard.difference import Changed
from projections.dashboard.kin import Kin
from projections.dashboard.known import known
from projections.dashboard.life import Life
from projections.dashboard.moment import Moment
from projections.dashboard.naming import Key, Place
from projections.dashboard.notices import Notice
from projections.dashboard.pages import Pages
from projections.dashboard.reader import Reader
from projections.dashboard.view import MODES, BadView

PAGE = 40
"""Events."""

_DEFAULT = "SELECT default_livemode() AS livemode"
_MOST_PAGES = 1_000_000
LAST = "last"
NOTICE_SECONDS = 10

_SPOKEN_OF = ("customer", "subscription", "payment_intent", "dispute", "refund", "invoice", "charge")


@dataclass(frozen=True)
class Asked:
    """What a life's address says beside the object; `page` is None for a part's last one."""

    mode: str | None
    account: str | None
    shop: str | None
    zone: str
    part: int
    page: int | None
    event: str | None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Asked":
        """Raises BadView."""
        problems = []
        if unknown := query.keys() - {"mode", "account", "shop", "zone", "part", "page", "event"}:
            problems.append(f"{len(unknown)} of its parameters are unknown here")
        mode, zone = query.get("mode"), query.get("zone", "UTC")
        if mode not in (None, *MODES):
            problems.append(f"mode is one of {', '.join(MODES)}")
        if not display.is_zone(zone):
            problems.append("zone is the name of a time zone, as Europe/Berlin")
        part, page = query.get("part", "1"), query.get("page", "1")
        if not _is_number(part) or not (page == LAST or _is_number(page)):
            problems.append(f"part and page are numbers from 1 on, or page is {LAST}")
        if not query.get("event", "").isprintable():
            problems.append("event is the id of one, as evt_…")
        if problems:
            raise BadView(problems)
        numbers = int(part), None if page == LAST else int(page)
        return cls(mode, query.get("account"), query.get("shop"), zone, *numbers, query.get("event"))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < _MOST_PAGES


def path_to(kind: str, name: str, at: Place | None = None, zone: str = "UTC", **more: Any) -> str:
    """The address of a life, below the dashboard's own."""
    query: dict[str, Any] = {}
    if at:
        query["mode"] = "live" if at.livemode else "test"
        if at.account != "default":
            query["account"] = at.account
        if at.shop is not None:
            query["shop"] = at.shop
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
    deleted: bool


class Lives:
    """Its routes."""

    def __init__(self, reader: Reader, changes: Changes, pages: Pages) -> None:
        self._reader = reader
        self._changes = changes
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/life/{kind}/{name:path}", self.show)]

    async def show(self, request: Request) -> Response:
        """One page of a life."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        asked = Asked.read(request.query_params)
        as_of = self._changes.newest  # before anything is read: what is committed meanwhile is new
        found = await kin.places(self._reader, kind, name) if "\0" not in kind + name else []
        at = await self._chosen(found, asked)
        if at is None:
            raise HTTPException(404, _unknown(found))
        linked = await kin.of(self._reader, kind, name, at)
        lived = await life.read(self._reader, linked, at, asked.part, asked.event)
        pages = max(1, -(-len(lived.moments) // PAGE))
        page = lived.place_of(asked.event) // PAGE + 1 if asked.event else asked.page or pages
        if not lived.moments or page > pages:
            raise HTTPException(404, "This life has fewer pages than that: leave part and page out.")

        def path(**more: Any) -> str:
            return path_to(kind, name, at, asked.zone, **more)

        return self._pages.answer(
            request,
            "life.html",
            kind=kind,
            name=name,
            at=at,
            others=[(place, path_to(kind, name, place, asked.zone)) for place in found if place != at],
            owners=await self._owners((kind, name), linked, at, asked.zone),
            zone=asked.zone,
            cut=linked.cut and kin.MOST_OBJECTS,
            moments=lived.moments[(page - 1) * PAGE : page * PAGE],
            first=(page - 1) * PAGE + 1,
            lived=lived,
            noticed=any(isinstance(each, Notice) for each in lived.moments),
            objects=len(linked.objects),
            members=_members((kind, name), lived.newest, at, asked.zone),
            heading=f"{display.kind(kind)} {name}",
            turns=[(words, rel, path(**where)) for words, rel, where in _turns(lived, page, pages)],
            life_of=lambda kind, name: path_to(kind, name, _anywhere(at), asked.zone),
            here=path(part=lived.part, page=page),
            as_of=as_of,
            waiting=_waiting(lived),
            display=display,
        )

    async def _chosen(self, found: list[Place], asked: Asked) -> Place | None:
        """Which is meant, where the id is known in several accounts, modes or shops."""
        matching = [
            place
            for place in found
            if asked.account in (None, place.account) and asked.shop in (None, place.shop)
        ]
        if asked.mode:
            return next((place for place in matching if place.livemode is MODES[asked.mode]), None)
        if len({place.livemode for place in matching}) < 2:
            return next(iter(matching), None)
        [default] = await self._reader.rows(_DEFAULT)
        return next(place for place in matching if place.livemode is default["livemode"])

    async def _owners(self, asked: Key, linked: Kin, at: Place, zone: str) -> list[tuple[str, str, str]]:
        """Whose it is: kind, name and path. A customer is nobody's."""
        if asked[0] == "customer":
            return []
        found = await kin.owners(self._reader, linked, at)
        return [(*key, path_to(*key, place, zone)) for key, place in found if key != asked]


def _turns(lived: Life, page: int, pages: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where else in this life one can go: what the link says, its relation, and the page."""
    part = lived.part
    if (part, page) > (1, 1):
        yield "First", "first", {}
        before = {"part": part, "page": page - 1} if page > 1 else {"part": part - 1, "page": LAST}
        yield "← Earlier", "prev", before
    if (part, page) < (lived.parts, pages):
        yield "Later →", "next", {"part": part, "page": page + 1} if page < pages else {"part": part + 1}
        yield "Last", "last", {"part": lived.parts, "page": LAST}


def _waiting(lived: Life) -> int | None:
    """After how many seconds a page is to look again although no event came: what is being told may be told
    then."""
    said = (each for each in lived.moments if isinstance(each, Notice))
    return NOTICE_SECONDS if any(each.undecided for each in said) else None


def _members(asked: Key, newest: Mapping[Key, Moment], at: Place, zone: str) -> list[Member]:
    """What was asked for, and then the others: those that people speak of first, else as they came up."""
    return [
        Member(
            *key,
            path_to(*key, _anywhere(at), zone),
            Changed(known(moment.event, zone), 0),
            moment.deleted,
        )
        for key, moment in sorted(newest.items(), key=lambda pair: _standing(pair[0], asked))
        if moment.event
    ]


def _standing(key: Key, asked: Key) -> int:
    return -1 if key == asked else _SPOKEN_OF.index(key[0]) if key[0] in _SPOKEN_OF else len(_SPOKEN_OF)


def _anywhere(at: Place) -> Place:
    """There, whichever shop's it is."""
    return at._replace(shop=None)


def _unknown(found: list[Place]) -> str:
    if found:
        return "There is such an object, but not in this account, mode and shop: leave them out to see where."
    return (
        "No event that tells of such an object has arrived here. Search for it by what you have, or wait: "
        "what happened just now may be still on its way."
    )
