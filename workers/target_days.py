"""The days on which the ECB gives rates: the working days of TARGET, the euro's payment system."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple


class Gap(NamedTuple):
    """Working days without rates between two days that have some: the first, the last, and how many."""

    first: date
    last: date
    days: int


def gaps(days: Iterable[date]) -> list[Gap]:
    """The gaps between the first and the last of `days`, the oldest first.

    Working days are the weekdays but New Year's Day, Good Friday, Easter Monday, 1 May, and 25 and 26
    December; nor were the last days of 1999 and 2001.
    """
    found = []
    for before, after in pairwise(sorted(set(days))):
        between = (before + timedelta(days=n) for n in range(1, (after - before).days))
        if working := [day for day in between if day.weekday() < 5 and day not in _closed(day.year)]:
            found.append(Gap(working[0], working[-1], len(working)))
    return found


@cache
def _closed(year: int) -> frozenset[date]:
    easter = _easter(year)
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
    once = {date(1999, 12, 31), date(2001, 12, 31)}
    return frozenset(fixed | once | {easter - timedelta(days=2), easter + timedelta(days=1)})


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the anonymous algorithm (Nature, 20 April 1876)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    correction = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
