"""The rows of a query as they come, a chunk in memory at a time, in the words of the server.

What JSON and Python would bend (numeric, NaN, bytes, times past a datetime's range, jsonb) stays the text
that Postgres writes, so that an amount is shown as it is.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.types.string import TextLoader

from workers.analyst import Connection
from workers.sql_error import BadQuery, refused

CHUNK = 1000
AS_VALUES = frozenset({"bool", "int2", "int4", "int8", "oid"})
"""The types that come as Python's values; every other as text."""

NUMBERS = frozenset({"numeric", "float4", "float8"})
"""Those whose text is a number in JSON, too, unless it is NaN or Infinity."""

_ASKS = {"select", "with", "values", "table", "explain", "show"}
_NOT_COPIED = {"explain", "show"}
_NO_TEXT = re.compile("[\\0\\ud800-\\udfff]")
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*([a-z]*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?")


class Column(NamedTuple):
    """A column of a result: its name, and its type by Postgres' name (empty for one of somebody's own)."""

    name: str
    type: str
    precision: int | None
    scale: int | None


class Result:
    """Iterates over a query's rows, as tuples of Python's values, or of text. Raises BadQuery.

    Leaving the iteration, or the connection's block, cancels the query at the server.
    """

    def __init__(self, connection: Connection, query: str, as_values: Collection[str] = AS_VALUES) -> None:
        self.query = one_query(query)
        self.columns = _columns(connection, self.query)
        self._cursor = connection.cursor()
        for known in psycopg.adapters.types:
            if known.name not in as_values:
                self._cursor.adapters.register_loader(known.oid, TextLoader)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        with answered(self.query):
            yield from self._cursor.stream(self.query, size=CHUNK)


@contextmanager
def answered(query: str, offset: int = 0) -> Iterator[None]:
    """What the database says against the query is raised as BadQuery; that it went away, as it is."""
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise
        raise refused(error, query, offset) from None


def _columns(connection: Connection, query: str) -> list[Column]:
    """What the query's rows would be, before it runs, and also where there are none."""
    with answered(query):
        described = connection.pgconn.prepare(b"", query.encode())
        if described.status == ExecStatus.COMMAND_OK:
            described = connection.pgconn.describe_prepared(b"")
        if described.status != ExecStatus.COMMAND_OK:
            raise error_from_result(described)
    return [
        Column(
            (described.fname(n) or b"").decode(),
            _type_name(described.ftype(n)),
            *_digits(described.ftype(n), described.fmod(n)),
        )
        for n in range(described.nfields)
    ]


def _type_name(oid: int) -> str:
    known = psycopg.adapters.types.get(oid)
    return "" if known is None else known.name + ("[]" if oid == known.array_oid else "")


def _digits(oid: int, modifier: int) -> tuple[int | None, int | None]:
    """A numeric's digits, and those behind the point, where its type says how many."""
    numeric = psycopg.adapters.types["numeric"]
    if oid not in (numeric.oid, numeric.array_oid) or modifier < 0:
        return None, None
    return (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF


def one_query(text: str) -> str:
    """The text without what ends a statement. Raises BadQuery where it does not ask for anything."""
    query = text.strip().rstrip(";").rstrip()
    if _first_word(query) not in _ASKS:
        raise BadQuery("a query begins with SELECT, WITH, VALUES, TABLE, EXPLAIN or SHOW; this one does not")
    # A NUL would end it early at the server; a surrogate stands for a byte that is no UTF-8.
    if _NO_TEXT.search(query):
        raise BadQuery("the query has a character that is neither text nor SQL: write it in UTF-8")
    return query


def _first_word(query: str) -> str:
    word = _FIRST_WORD.match(query)
    return word[1].lower() if word else ""


def csv_blocks(connection: Connection, query: str) -> Iterator[bytes]:
    """The query's rows as CSV with a header, by COPY: a block is the header or a row. Raises BadQuery."""
    query = one_query(query)
    if _first_word(query) in _NOT_COPIED:
        raise BadQuery("CSV is of SELECT, WITH, VALUES and TABLE: EXPLAIN and SHOW are printed, or --json")
    # What is no statement by itself, as "SELECT 1) TO STDOUT; …", could be several inside of COPY.
    _columns(connection, query)
    before = "COPY (\n"
    statement = f"{before}{query}\n) TO STDOUT (FORMAT csv, HEADER)"
    with answered(query, len(before)), connection.cursor().copy(statement.encode()) as copy:
        yield from map(bytes, copy)


def json_lines(result: Result) -> Iterator[bytes]:
    """The rows as JSON, an object a line. Raises BadQuery, also for two columns of one name."""
    if len({column.name for column in result.columns}) < len(result.columns):
        raise BadQuery("two columns have one name, which JSON cannot hold: name them apart with AS")
    for row in result:
        yield _json_line(result.columns, row)


def _json_line(columns: Sequence[Column], row: Sequence[Any]) -> bytes:
    """The row as one JSON object on one line: exact numbers, times as ISO 8601, jsonb as what it holds."""
    values = {
        column.name: _json_value(column.type, value) for column, value in zip(columns, row, strict=True)
    }
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _json_value(kind: str, value: Any) -> Any:
    match value:
        case list():
            return [_json_value(kind.removesuffix("[]"), each) for each in value]
        case str() if kind in NUMBERS:
            return orjson.Fragment(value) if _NUMBER.fullmatch(value) else value
        case str() if kind in ("json", "jsonb"):
            # json is kept as it was written; a line's end in it is one between its parts.
            return orjson.Fragment(value.replace("\r", " ").replace("\n", " "))
        case str() if kind == "timestamptz":
            return value.replace(" ", "T", 1).removesuffix("+00") + "Z" if value.endswith("+00") else value
        case str() if kind == "timestamp":
            return value.replace(" ", "T", 1)
    return value
