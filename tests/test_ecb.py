"""Reading the ECB's files: both of its forms, and the line that is wrong."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fx import DAY, HISTORY
from workers.ecb import NotRates, parse
from workers.target_days import gaps


def test_the_historical_file_is_read_with_its_holes_the_oldest_day_first() -> None:
    assert [
        (date(2022, 3, 1), {"usd": "1.1162", "jpy": "128.3", "rub": "117.201"}),
        (date(2026, 11, 23), {"usd": "1.08", "jpy": "157", "kwd": "0.332"}),
        (date(2026, 11, 24), {"usd": "1.0824", "jpy": "157.3", "kwd": "0.3321"}),
    ] == parse(HISTORY)


def test_the_daily_file_is_read() -> None:
    assert [(date(2026, 11, 25), {"usd": "1.085", "jpy": "156.9", "kwd": "0.3325"})] == parse(DAY)


def test_a_byte_order_mark_other_line_ends_and_empty_lines_are_no_matter() -> None:
    assert parse(HISTORY) == parse(b"\xef\xbb\xbf" + HISTORY.replace(b"\n", b"\r\n") + b"\r\n\r\n")


def test_a_file_that_ends_no_line_with_a_comma_is_read_as_well() -> None:
    assert parse(HISTORY) == parse(HISTORY.replace(b",\n", b"\n"))


def test_a_zipped_file_is_read_as_the_ecb_offers_it() -> None:
    assert parse(HISTORY) == parse(zipped({"eurofxref-hist.csv": HISTORY}))


def test_a_day_without_any_rate_is_left_out() -> None:
    assert [] == [told for told in parse(b"Date,USD,\n2026-11-24,N/A,\n2026-11-23,1.1,\n") if not told.rates]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"<html>\n", "line 1: expected `Date, USD"),
        (b"Date,\n", "line 1: it names no currency"),
        (b"Date,Dollar,\n", "line 1: 'Dollar' is no currency's"),
        (b"Date,USD,,JPY\n", "line 1: '' is no currency's"),
        (b"Date,USD,USD,\n", "line 1: USD may stand there once"),
        (b"Date,EUR,\n", "line 1: EUR may stand there once, and the euro not"),
        (b"Date,USD,\n", "no day in it"),
        (b"Date,USD,\n2026-11-24,1.1,\n\n2026-13-24,1.1,\n", "line 4: '2026-13-24' is no day"),
        (b"Date,USD,\n24 Novembre 2026,1.1,\n", "line 2: '24 Novembre 2026' is no day"),
        (b"Date,USD,\n31 June 2026,1.1,\n", "line 2: '31 June 2026' is no day"),
        (b"Date,USD,\n11/24/2026,1.1,\n", "line 2: '11/24/2026' is no day"),
        (b"Date,USD,\n2926-11-24,1.1,\n", "line 2: 2926-11-24 is in the future"),
        (b"Date,USD,\n0226-11-24,1.1,\n", "line 2: 0226-11-24 is before there were euros"),
        (b"Date,USD,\n2026-11-24,N/A,\n2026-11-23,,\n", "no rate in it"),
        (b"Date,JPY\n2026-11-24,157\n2026-11-23,15", "line 3: the file may be cut off"),
        (b"Date,USD,\n2026-11-24,1.1,\n2026-11-24,1.1,\n", "line 3: 2026-11-24 stands in an earlier line"),
        (b"Date,USD,JPY,\n2026-11-24,1.1,\n", "line 2: 2 columns after the day, where line 1 has 3"),
        (b"Date,USD,JPY,\n2026-11-24,1.1,157\n", "line 2: 2 columns"),
        (b"Date,USD,\n2026-11-24,1.1,7\n", "line 2: '7' stands after the last currency"),
        (b"Date,USD,\n2026-11-24,0,\n", "line 2: USD is '0', which is no rate"),
        (b"Date,USD,\n2026-11-24,0.000,\n", "line 2: USD is '0.000'"),
        (b"Date,USD,\n2026-11-24,-1.1,\n", "line 2: USD is '-1.1'"),
        (b"Date,USD,\n2026-11-24,1e3,\n", "line 2: USD is '1e3'"),
        (b"Date,USD,\n2026-11-24,NaN,\n", "line 2: USD is 'NaN'"),
        ("Date,USD,\n2026-11-24,\u0661,\n".encode(), "line 2: USD is '\u0661'"),
        (b"Date,USD,\n2026-11-24,1.1,\n\xff", "no text in UTF-8"),
        (b"PK\x05\x06" + bytes(18), "holds 0 files"),
        (b"PK\x03\x04" + bytes(18), "the archive is broken"),
    ],
)
def test_a_wrong_file_is_refused_by_its_line(content: bytes, reason: str) -> None:
    with pytest.raises(NotRates) as refused:
        parse(content)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"<html>\n", b"KEY,FREQ\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"Date,USD,\n"]
)
def test_what_is_none_of_the_ecbs_files_says_where_they_are(content: bytes) -> None:
    with pytest.raises(NotRates, match="stats/eurofxref/"):
        parse(content)


def test_an_archive_of_several_files_is_refused() -> None:
    with pytest.raises(NotRates, match="holds 2 files"):
        parse(zipped({"a.csv": HISTORY, "b.csv": DAY}))


def test_a_day_that_begins_elsewhere_first_is_no_future() -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert tomorrow == parse(f"Date,USD,\n{tomorrow},1.1,\n".encode())[0].day


rates = st.decimals("0.0001", "99999", places=4, allow_nan=False)
codes = st.sampled_from(["USD", "JPY", "GBP", "CHF", "TRY", "ISK"])


@given(
    days=st.dictionaries(
        st.dates(date(1999, 1, 4), date(2026, 11, 25)), st.dictionaries(codes, rates), min_size=1
    ),
    daily=st.booleans(),
)
def test_what_is_written_as_the_ecb_writes_it_is_read_as_it_was(
    days: dict[date, dict[str, Decimal]], daily: bool
) -> None:
    assume(any(days.values()))
    columns = sorted({code for its in days.values() for code in its})
    between = ", " if daily else ","
    lines = [between.join(["Date", *columns, ""])]
    for day, its in days.items():
        written = f"{day:%-d %B %Y}" if daily else str(day)
        lines.append(between.join([written, *(str(its.get(code, "N/A")) for code in columns), ""]))
    found = {told.day: {code.upper(): Decimal(rate) for code, rate in told.rates.items()} for told in
             parse("\n".join(lines).encode())}  # fmt: skip
    assert {day: its for day, its in sorted(days.items()) if its} == found


@given(st.binary(max_size=200))
def test_whatever_else_is_read_is_refused_and_nothing_breaks(noise: bytes) -> None:
    for content in (noise, HISTORY + noise):
        with suppress(NotRates):
            parse(content)


def test_a_working_day_without_rates_is_a_gap_and_a_holiday_is_none() -> None:
    easter = [date(2026, 4, day) for day in (1, 2, 7, 9)]  # Good Friday is the 3rd, Easter Monday the 6th
    assert [(date(2026, 4, 8), date(2026, 4, 8), 1)] == gaps(easter)
    assert [] == gaps([date(2025, 12, 24), date(2025, 12, 29)])
    assert [(date(2025, 12, 29), date(2026, 1, 5), 5)] == gaps([date(2025, 12, 24), date(2026, 1, 6)])
    assert [] == gaps([])


@pytest.mark.parametrize(
    "day", ["1999-04-04", "2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31", "2025-04-20", "2038-04-25"]
)
def test_easter_is_when_it_is(day: str) -> None:
    sunday = date.fromisoformat(day)
    assert [] == gaps([sunday - timedelta(days=3), sunday + timedelta(days=2)])


def zipped(files: dict[str, bytes]) -> bytes:
    target = BytesIO()
    with ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()
