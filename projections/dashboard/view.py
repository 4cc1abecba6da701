"""What a page is about, all of it in its address, so that a view can be shared. Read strictly."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ingest.settings import label
from projections.dashboard import display, span
from projections.dashboard.span import GRANULARITIES, RANGES, Span

PARAMETERS = ("range", "from", "to", "by", "currency", "source", "mode", "zone")
MODES = {"live": True, "test": False}
EARLIEST = date(2010, 1, 1)
"""Before Stripe there is nothing to see."""

AS_STORED: Mapping[str, Callable[[str], str]] = {"currency": str.lower, "source": label}
"""What may be written in more than one way: EUR is eur, and my-shop, as in its webhooks' address, my_shop."""

_CURRENCY = re.compile(r"[a-z]{3}")
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_]{0,62}")


class BadView(Exception):
    """The address asks for what there is not: a sentence for each parameter that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class View:
    """`given` are the address' own parameters; of what it leaves open, currency and livemode are null."""

    span: Span
    zone: str = "UTC"
    currency: str | None = None
    source: str | None = None
    livemode: bool | None = None
    given: Mapping[str, str] = field(default_factory=dict, compare=False)

    def parameters(self) -> dict[str, Any]:
        """As the figures' queries name them."""
        return {
            "since": self.span.since,
            "until": self.span.until,
            "by": self.span.by,
            "currency": self.currency,
            "source": self.source,
            "livemode": self.livemode,
            "time_zone": self.zone,
        }

    @property
    def lasting(self) -> Hashable:
        """What stays the same of a view from one minute to the next. Where the range before begins tells it
        from one that begins alike and ends elsewhere."""
        until = None if self.span.ends_now else self.span.until
        return (
            *(self.span.since, self.span.before[0], until, self.span.by),
            *(self.currency, self.source, self.livemode, self.zone),
        )

    def address(self, **changes: str | None) -> str:
        """The address' query with some parameters changed, or left out (None); empty or with its `?`."""
        kept = {name: value for name, value in {**self.given, **changes}.items() if value is not None}
        if changes.get("range"):
            kept = {name: value for name, value in kept.items() if name not in ("from", "to", "by")}
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def settled(self) -> str:
        """The query of a page's parts: what its address leaves open stays what the page says that it is."""
        if self.currency is None:
            return self.address()
        return self.address(currency=self.currency, mode="live" if self.livemode else "test")

    @property
    def range(self) -> str:
        """The name of the range that is shown; empty where days were chosen."""
        return "" if "from" in self.given or "to" in self.given else self.given.get("range", span.DEFAULT)

    def divided(self, by: str) -> "View":
        """The same in periods of a figure's own, if it has some."""
        return replace(self, span=span.divided(self.span, by, ZoneInfo(self.zone))) if by else self

    @property
    def whole(self) -> "View":
        """The same, the range being one period."""
        return replace(self, span=replace(self.span, by="all"))

    @property
    def before(self) -> "View":
        """The stretch of the same length before it, as one period."""
        since, until = self.span.before
        before = replace(self.span, since=since, until=until, by="all", ends_now=self.span.ends_now)
        return replace(self, span=before)


def read(query: Sequence[tuple[str, str]], now: datetime) -> View:
    """The view of a query string's pairs; `now` ends it. Raises BadView."""
    problems: list[str] = []
    given = _given(query, problems)
    zone = _zone(given, problems)
    by = _one_of(given, "by", GRANULARITIES, problems)
    mode = _one_of(given, "mode", tuple(MODES), problems)
    currency = _matching(given, "currency", _CURRENCY, "three letters, as eur", problems)
    source = _matching(given, "source", _SOURCE, "the last part of /webhooks/{source}", problems)
    found = _span(given, by, zone, now, problems)
    if problems or found is None:
        raise BadView(problems)
    return View(found, zone.key, currency, source, MODES[mode] if mode else None, given)


def quantised(now: datetime) -> datetime:
    """The end of the minute: what happens in it is seen, and for its length a question stays the same."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _given(query: Sequence[tuple[str, str]], problems: list[str]) -> dict[str, str]:
    """Each parameter once; an empty one is left out, as a form sends it."""
    given: dict[str, str] = {}
    for name, value in query:
        if name not in PARAMETERS:
            problems.append(f"there is no parameter of this name; there are {', '.join(PARAMETERS)}")
        elif name in given:
            problems.append(f"{name} is given twice")
        elif value.strip():
            given[name] = AS_STORED.get(name, str)(value.strip())
    return given


def _zone(given: Mapping[str, str], problems: list[str]) -> ZoneInfo:
    name = given.get("zone", "UTC")
    if display.is_zone(name):
        return ZoneInfo(name)
    problems.append("zone is the name of a time zone, as Europe/Berlin")
    return ZoneInfo("UTC")


def _one_of(given: Mapping[str, str], name: str, choices: Sequence[str], problems: list[str]) -> str | None:
    value = given.get(name)
    if value is None or value in choices:
        return value
    problems.append(f"{name} is one of {', '.join(choices)}")
    return None


def _matching(
    given: Mapping[str, str], name: str, pattern: re.Pattern[str], meant: str, problems: list[str]
) -> str | None:
    value = given.get(name)
    if value is None or pattern.fullmatch(value):
        return value
    problems.append(f"{name} is {meant}")
    return None


def _span(
    given: Mapping[str, str], by: str | None, zone: ZoneInfo, now: datetime, problems: list[str]
) -> Span | None:
    if "from" in given or "to" in given:
        return _between(given, by, zone, now, problems)
    name = _one_of(given, "range", tuple(RANGES), problems) or span.DEFAULT
    return _checked(span.named(name, by, zone, now), problems)


def _between(
    given: Mapping[str, str], by: str | None, zone: ZoneInfo, now: datetime, problems: list[str]
) -> Span | None:
    if "range" in given:
        problems.append("give a range, or from and to, not both")
        return None
    today = now.astimezone(zone).date()
    first, last = _day(given, "from", None, problems), _day(given, "to", today, problems)
    if first is None or last is None:
        return None
    if first > last:
        problems.append("from is after to")
    elif first > today:
        problems.append("from is in the future")
    else:
        return _checked(span.between(first, last, by, zone, now), problems)
    return None


def _day(given: Mapping[str, str], name: str, default: date | None, problems: list[str]) -> date | None:
    try:
        day = date.fromisoformat(given[name]) if name in given else default
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day < date.max - timedelta(days=366):
        problems.append(f"{name} is a day since {EARLIEST}, written as 2026-01-31")
        return None
    return day


def _checked(found: Span, problems: list[str]) -> Span:
    if span.too_many_periods(found):
        problems.append(
            f"by {found.by} this range has more than {span.MOST_PERIODS} periods: take longer ones"
        )
    return found
