"""Exchange rates as tests have them: the ECB's two files, and what loading them appends."""

from collections.abc import Mapping, Sequence
from datetime import date

from ingest.event import Event
from tests.events import NOW
from workers.ecb import DayRates, parse
from workers.fx_load import SOURCE, event_of

HISTORY = (
    b"Date,USD,JPY,RUB,KWD,\n"
    b"2026-11-24,1.0824,157.3,N/A,0.3321,\n"
    b"2026-11-23,1.08,157,N/A,0.332,\n"
    b"2022-03-01,1.1162,128.3,117.201,N/A,\n"
)
DAY = b"Date, USD, JPY, KWD, \n25 November 2026, 1.0850, 156.90, 0.3325, \n"


def loaded(day: str | date, rates: Mapping[str, str], *, revision: int = 1, at: int = NOW) -> Event:
    """The event that a load of these rates appends."""
    told = DayRates(date.fromisoformat(str(day)), rates)
    return Event.read(event_of(told, revision, at), source=SOURCE)


def corrected() -> Sequence[Event]:
    """The days of HISTORY, one of which was corrected twice."""
    days = [loaded(told.day, told.rates) for told in parse(HISTORY)]
    return [
        *days,
        loaded("2026-11-23", {"usd": "1.081", "jpy": "157"}, revision=2),
        loaded("2026-11-23", {"usd": "1.08", "jpy": "157.5", "chf": "0.94"}, revision=3),
    ]
