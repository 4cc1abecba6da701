"""The ECB's euro reference rates as it publishes them: CSV, a day or the whole history, plain or zipped.

Source: https://www.ecb.europa.eu/stats/eurofxref/, eurofxref.csv and eurofxref-hist.csv. A line a day: what
one euro costs of each currency, N/A where the ECB gave no rate, and a comma at the end. The daily file writes
its day as `24 November 2026`, the historical one as `2026-11-24`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile, is_zipfile

from ingest.refusal import Refusal

PROVIDER = "ecb"
BASE = "eur"

FIRST_DAY = date(1999, 1, 1)
"""There were no euros before. A day that is a misprint would be taken for the last known one ever after."""

MOST_BYTES = 64 << 20
"""The historical file has a fortieth of that; what is larger is another file."""

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_WRITTEN_DAY = re.compile(r"([0-9]{1,2}) ([A-Za-z]+) ([0-9]{4})")
_CODE = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_HOLES = {"", "N/A"}

_WHERE = (
    "take eurofxref.csv or eurofxref-hist.csv, zipped or not, from https://www.ecb.europa.eu/stats/eurofxref/"
)


class DayRates(NamedTuple):
    """What one euro cost on a day, by currency (small letters), as exact decimals without needless zeros."""

    day: date
    rates: Mapping[str, str]


class NotRates(Refusal):
    """The file is none of the ECB's, or is broken: the message names the line. Nothing of it was loaded."""


def read(path: Path) -> list[DayRates]:
    """All days of a file, the oldest first. Raises NotRates, and OSError where it cannot be read."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    return parse(content)


def parse(content: bytes) -> list[DayRates]:
    """The same of a file's bytes: one day at least, as a day without any rate is left out."""
    try:
        text = _unpacked(content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotRates(f"the file is no text in UTF-8 (byte {error.start}): {_WHERE}") from None
    found: dict[date, DayRates] = {}
    lines = list(_lines(text))
    if not lines:
        raise NotRates(f"the file is empty: {_WHERE}")
    columns = _columns(*lines[0])
    if columns[-1] and not text.endswith(("\n", "\r")):
        raise NotRates(f"line {lines[-1][0]}: the file may be cut off, as this line has no end: {_WHERE}")
    for number, cells in lines[1:]:
        told = _day(number, cells, columns)
        if told.day in found:
            raise NotRates(f"line {number}: {told.day} stands in an earlier line, too")
        found[told.day] = told
    if not any(told.rates for told in found.values()):
        raise NotRates(f"the file has {'no rate' if found else 'no day'} in it: {_WHERE}")
    return [found[day] for day in sorted(found) if found[day].rates]


def _unpacked(content: bytes) -> bytes:
    if is_zipfile(BytesIO(content)):
        content = _only_member(content)
    elif content.startswith(b"PK"):
        raise NotRates(f"the archive is broken: {_WHERE}")
    if len(content) > MOST_BYTES:
        raise NotRates(f"the file has more than {MOST_BYTES >> 20} MB: {_WHERE}")
    return content


def _only_member(content: bytes) -> bytes:
    try:
        with ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise NotRates(f"the archive holds {len(members)} files, where the ECB's hold one: {_WHERE}")
            with archive.open(members[0]) as file:
                return file.read(MOST_BYTES + 1)
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:  # broken, or with a password
        raise NotRates(f"the archive is broken: {error}: {_WHERE}") from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The numbers and cells of the lines that are not empty."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, [cell.strip() for cell in line.split(",")]


def _columns(number: int, header: list[str]) -> list[str]:
    """The currencies of the columns after the day; "" for the one that the comma at the end begins."""
    if header[0] != "Date":
        raise NotRates(f"line {number}: expected `Date, USD, JPY, …`: {_WHERE}")
    codes = header[1:-1] if header[-1] == "" else header[1:]
    if not codes:
        raise NotRates(f"line {number}: it names no currency")
    for code in codes:
        if not _CODE.fullmatch(code):
            raise NotRates(f"line {number}: {code[:40]!r} is no currency's three letters")
        if code.lower() == BASE or codes.count(code) > 1:
            raise NotRates(f"line {number}: {code} may stand there once, and the euro not at all")
    return [code.lower() for code in header[1:]]


def _day(number: int, cells: list[str], columns: list[str]) -> DayRates:
    day = _date(number, cells[0])
    if len(cells) - 1 != len(columns):
        raise NotRates(
            f"line {number}: {len(cells) - 1} columns after the day, where line 1 has {len(columns)}"
        )
    given = [pair for pair in zip(columns, cells[1:], strict=True) if pair[1] not in _HOLES]
    return DayRates(day, {currency: _rate(number, currency, value) for currency, value in given})


def _date(number: int, written: str) -> date:
    try:
        day = _calendar_day(written)
    except ValueError:
        raise NotRates(
            f"line {number}: {written[:40]!r} is no day as 2026-11-24 or 24 November 2026"
        ) from None
    if day > datetime.now(UTC).date() + timedelta(days=1):
        raise NotRates(f"line {number}: {day} is in the future")
    if day < FIRST_DAY:
        raise NotRates(f"line {number}: {day} is before there were euros")
    return day


def _calendar_day(written: str) -> date:
    if matched := _ISO_DAY.fullmatch(written):
        return date(*map(int, matched.groups()))
    if (matched := _WRITTEN_DAY.fullmatch(written)) and matched[2].lower() in _MONTHS:
        return date(int(matched[3]), _MONTHS.index(matched[2].lower()) + 1, int(matched[1]))
    raise ValueError(written)


def _rate(number: int, currency: str, written: str) -> str:
    if not currency:
        raise NotRates(f"line {number}: {written[:40]!r} stands after the last currency")
    if not _RATE.fullmatch(written) or not Decimal(written):
        raise NotRates(f"line {number}: {currency.upper()} is {written[:40]!r}, which is no rate")
    return f"{Decimal(written).normalize():f}"
