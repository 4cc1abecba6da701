"""The calendar of subscriptions: a month from the 31st of January ends on the last day of February."""

from calendar import monthrange
from datetime import UTC, datetime

from workers.simulator.billing_facts import Span

MONTHS = {"month": 1, "year": 12}


def period_from(start: int, interval: str, anchor: int | None = None) -> Span:
    """The period that begins at an instant; it ends on the anchor's day of the month, if there is one."""
    return Span(start, months_after(start, MONTHS[interval], anchor))


def months_after(start: int, months: int, anchor: int | None = None) -> int:
    """The instant so many months later."""
    begins = datetime.fromtimestamp(start, UTC)
    day = datetime.fromtimestamp(start if anchor is None else anchor, UTC).day
    years, month = divmod(begins.month - 1 + months, 12)
    year = begins.year + years
    day = min(day, monthrange(year, month + 1)[1])
    return int(begins.replace(year=year, month=month + 1, day=day).timestamp())
