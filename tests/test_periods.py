"""The periods of a range, and which data are meant where nobody says."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import InvalidParameterValue, NullValueNotAllowed

from tests.events import NOW, event

PERIODS = "SELECT * FROM period_starts(%s, %s, %s, %s)"
FEBRUARY_1972, JANUARY_2037 = 65_750_400, 2_114_380_800  # before, an offset was no multiple of 15 minutes
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Pacific/Chatham", "Pacific/Apia", "America/Havana", "America/Santiago", "Asia/Beirut",
         "Antarctica/Troll"]  # fmt: skip


def periods(
    database: Any, since: str | datetime, until: str | datetime, by: str, zone: str = "UTC"
) -> list[tuple[datetime, datetime]]:
    rows = database.execute(PERIODS, [since, until, by, zone]).fetchall()
    return [(row["period_start"], row["period_end"]) for row in rows]


def starts(database: Any, since: str, until: str, by: str, zone: str = "UTC") -> list[str]:
    """When each period begins and the last one ends, on the zone's clock."""
    found = periods(database, since, until, by, zone)
    instants = [start for start, _ in found] + [found[-1][1]] if found else []
    return [f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for instant in instants]


def test_the_first_and_the_last_period_are_cut_to_the_range(database):
    assert starts(database, "2026-01-15 12:00+00", "2026-03-02 06:00+00", "month") == [
        "2026-01-15 12:00",
        "2026-02-01 00:00",
        "2026-03-01 00:00",
        "2026-03-02 06:00",
    ]


def test_a_range_that_ends_where_a_period_begins_does_not_overlap_it(database):
    assert starts(database, "2026-01-01+00", "2026-03-01+00", "month") == [
        "2026-01-01 00:00",
        "2026-02-01 00:00",
        "2026-03-01 00:00",
    ]


def test_a_week_begins_on_monday(database):
    assert starts(database, "2026-11-18+00", "2026-11-30+00", "week") == [
        "2026-11-18 00:00",
        "2026-11-23 00:00",
        "2026-11-30 00:00",
    ]


def test_a_quarter_has_three_months_and_a_year_twelve(database):
    assert starts(database, "2026-02-01+00", "2026-08-01+00", "quarter")[1:-1] == [
        "2026-04-01 00:00",
        "2026-07-01 00:00",
    ]
    assert starts(database, "2025-02-01+00", "2027-02-01+00", "year")[1:-1] == [
        "2026-01-01 00:00",
        "2027-01-01 00:00",
    ]


def test_all_is_the_range_as_one_period_however_long(database):
    [(start, end)] = periods(database, "2026-01-15 12:00+00", "2026-03-02+00", "all")
    assert (start, end) == (datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    one = "SELECT count(*) FROM period_starts('-infinity', 'infinity', 'all')"
    assert database.execute(one).fetchone() == {"count": 1}


@pytest.mark.parametrize("by", ["day", "all"])
def test_an_empty_range_has_no_periods(database, by):
    assert periods(database, "2026-01-01+00", "2026-01-01+00", by) == []


@pytest.mark.parametrize("by", ["day", "all"])
def test_a_range_that_ends_before_it_begins_is_refused(database, by):
    with pytest.raises(InvalidParameterValue, match="until is before since"):
        periods(database, "2026-01-02+00", "2026-01-01+00", by)


def test_periods_begin_at_the_zones_own_midnight(database):
    [(start, end), *_] = periods(database, "2026-01-10 18:30+00", "2026-01-13+00", "day", "Asia/Kolkata")
    assert (start, end - start) == (datetime(2026, 1, 10, 18, 30, tzinfo=UTC), timedelta(days=1))


@pytest.mark.parametrize(
    "zone, day, hours",
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),  # clocks go back by half an hour
        ("America/Santiago", "2026-09-06", 23),  # midnight is skipped
        ("America/Havana", "2026-11-01", 25),  # midnight comes twice
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(database, zone, day, hours):
    at = datetime.fromisoformat(day).replace(hour=12, tzinfo=ZoneInfo(zone))
    days = periods(database, at - timedelta(days=2), at + timedelta(days=2), "day", zone)
    [length] = [end - start for start, end in days if start <= at < end]
    assert length == timedelta(hours=hours)


def test_a_day_that_a_country_skipped_is_no_period(database):
    assert starts(database, "2011-12-29 00:00-10", "2012-01-01 00:00+14", "day", "Pacific/Apia") == [
        "2011-12-29 00:00",
        "2011-12-31 00:00",
        "2012-01-01 00:00",
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    since=st.integers(FEBRUARY_1972, JANUARY_2037).map(lambda second: datetime.fromtimestamp(second, UTC)),
    length=st.timedeltas(timedelta(0), timedelta(days=400)),
    by=st.sampled_from(["day", "week", "month", "quarter", "year", "all"]),
    zone=st.sampled_from(ZONES),
)
def test_periods_cover_the_range_once_and_hold_whole_local_days(database, since, length, by, zone):
    until = since + length
    found = periods(database, since, until, by, zone)
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert all(start < end for start, end in found)
    assert (not found) == (since == until)
    if found:
        assert (found[0][0], found[-1][1]) == (since, until)
    local = [start.astimezone(ZoneInfo(zone)).date() for start, _ in found[1:]]
    before = [(end - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() for _, end in found[:-1]]
    assert all(last < first for last, first in zip(before, local, strict=True))


def test_periods_that_do_not_exist_are_an_error_that_names_those_that_do(database):
    with pytest.raises(InvalidParameterValue, match=r"by is 'hour', .* day, week, month, quarter, year, all"):
        periods(database, "2026-01-01", "2026-02-01", "hour")


def test_an_unknown_time_zone_is_an_error_for_an_empty_range_too(database):
    with pytest.raises(InvalidParameterValue, match="Mars/Phobos"):
        periods(database, "2026-01-01", "2026-01-01", "day", "Mars/Phobos")


def test_a_range_without_bounds_has_no_days(database):
    with pytest.raises(InvalidParameterValue, match="finite bounds"):
        periods(database, "-infinity", "2026-01-01", "day")
    with pytest.raises(NullValueNotAllowed):
        database.execute("SELECT * FROM period_starts(NULL, now(), 'day', 'UTC')")


# ------------------------------------------------------------------ live or test


def default(database: Any) -> bool:
    return database.execute("SELECT default_livemode() AS live").fetchone()["live"]


def test_live_data_are_meant_unless_there_are_test_data_only(pipeline, database):
    assert default(database) is True
    pipeline.deliver(mode("evt_test", live=False))
    pipeline.run()
    assert default(database) is False
    pipeline.deliver(mode("evt_live", live=True, account="acct_2"))
    pipeline.run()
    assert default(database) is True
    rows = database.execute("SELECT * FROM stripe_accounts ORDER BY account").fetchall()
    assert rows == [
        {"account": "acct_2", "livemode": True},
        {"account": "default", "livemode": False},
    ]


def mode(name: str, *, live: bool, account: str | None = None) -> dict[str, Any]:
    customer = {"id": f"cus_{name}", "object": "customer", "created": NOW, "metadata": {}}
    return event("customer.created", customer, id=name) | {
        "livemode": live,
        **({"account": account} if account else {}),
    }
