"""Which stretch of time a page is about: named ranges that end now, or days from a calendar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

GRANULARITIES = ("day", "week", "month", "quarter", "year")
MOST_PERIODS = 400
"""More columns than that nobody can tell apart, and each costs a query something."""

_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or the last one that it has."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


class Range(NamedTuple):
    """A range that ends now: its first day, how its past is divided, and the same range before it."""

    title: str
    by: str
    first: Callable[[date], date]
    before: Callable[[date], date]


RANGES: Mapping[str, Range] = {
    "7d": Range(
        "7 days", "day", lambda today: today - timedelta(days=6), lambda day: day - timedelta(days=7)
    ),
    "30d": Range(
        "30 days", "day", lambda today: today - timedelta(days=29), lambda day: day - timedelta(days=30)
    ),
    "90d": Range(
        "13 weeks",
        "week",
        lambda today: today - timedelta(days=today.weekday() + 12 * 7),
        lambda day: day - timedelta(weeks=13),
    ),
    "12m": Range(
        "12 months",
        "month",
        lambda today: months_before(today.replace(day=1), 11),
        lambda day: months_before(day, 12),
    ),
    "ytd": Range(
        "This year",
        "month",
        lambda today: today.replace(month=1, day=1),
        lambda day: months_before(day, 12),
    ),
}
DEFAULT = "12m"


@dataclass(frozen=True)
class Span:
    """Half-open, [since, until), in periods of `by`; `before` is as long and before it, for comparison.

    `ends_now` where another until follows with every minute.
    """

    since: datetime
    until: datetime
    by: str
    before: tuple[datetime, datetime]
    ends_now: bool = False


def named(name: str, by: str | None, zone: ZoneInfo, now: datetime) -> Span:
    """One of RANGES."""
    chosen = RANGES[name]
    local = now.astimezone(zone)
    first = chosen.first(local.date())
    earlier = datetime.combine(chosen.before(local.date()), local.time(), zone)
    return Span(
        since=midnight(first, zone),
        until=now,
        by=by or chosen.by,
        before=(midnight(chosen.before(first), zone), earlier.astimezone(UTC)),
        ends_now=True,
    )


def between(first: date, last: date, by: str | None, zone: ZoneInfo, now: datetime) -> Span:
    """The days from `first` to `last`, both included, as far as they are past."""
    days = last - first + timedelta(days=1)
    since, until = midnight(first, zone), min(midnight(last + timedelta(days=1), zone), now)
    before = midnight(first - days, zone), since
    return Span(since, until, by or _fitting(days.days), before, ends_now=until == now)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def divided(span: Span, by: str, zone: ZoneInfo) -> Span:
    """The same stretch by days, the latest MOST_PERIODS at most, or by months, from the first of one."""
    first = span.since.astimezone(zone).date()
    if by == "day":
        last = (span.until - timedelta(microseconds=1)).astimezone(zone).date()
        first = max(first, last - timedelta(days=MOST_PERIODS - 1))
    else:
        first = first.replace(day=1)
    return replace(span, since=midnight(first, zone), by=by)


def too_many_periods(span: Span) -> bool:
    """Whether there would be more than MOST_PERIODS."""
    return (span.until - span.since).days / _DAYS[span.by] > MOST_PERIODS


def _fitting(days: int) -> str:
    """The granularity that shows so many days well."""
    for by, most in (("day", 45), ("week", 200), ("month", 1200), ("quarter", 4000)):
        if days <= most:
            return by
    return "year"
