"""Exports: a view, table or function's rows into a file, streaming, and whole or not at all."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from psycopg.sql import SQL, Composed, Identifier, Literal

from ingest.refusal import Refusal
from workers import dictionary
from workers.analyst import Connection
from workers.dictionary import Entry, Field
from workers.servers.home import sync

TIMES = ("created_at", "at", "valid_from", "period_start", "detected_at", "day")
"""The columns that --since and --until mean, the first that there is."""

_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*\((.*)\)\s*", re.DOTALL)
_WORDS = {"text", "character varying", "character", "name"}


class NoSuchExport(Refusal):
    """That cannot be exported, or not so: the message says what can."""


class Unwritable(Refusal):
    """The file could not be written; what was there before is untouched."""


def query_of(
    connection: Connection,
    what: str,
    where: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    for_spreadsheets: bool = False,
) -> str:
    """The query for a view, a table, or a call of a function as it is written in SQL. Raises Refusals.

    `where` is SQL, a condition on its columns. `for_spreadsheets` puts an apostrophe before what a
    spreadsheet would take for a formula.
    """
    call = _CALL.fullmatch(what)
    found = dictionary.entry(connection, call[1] if call else what.strip())
    if bool(call) != (found.kind == "function"):
        raise NoSuchExport(f"{found.name} is a {found.kind}: write it as {found.call}")
    conditions = [SQL("({}\n)").format(SQL(where))] if where else []
    conditions += _within(found, since, until)
    columns = (
        SQL(", ").join(map(_harmless, found.columns)) if for_spreadsheets and found.columns else SQL("*")
    )
    source = SQL("{}({}\n)").format(Identifier(found.name), SQL(call[2])) if call else Identifier(found.name)
    query = SQL("SELECT {} FROM {} AS exported").format(columns, source)
    if conditions:
        query += SQL(" WHERE ") + SQL(" AND ").join(conditions)
    return query.as_string(connection)


def _within(found: Entry, since: datetime | None, until: datetime | None) -> list[Composed]:
    if since is None and until is None:
        return []
    names = [column.name for column in found.columns]
    time = next((name for name in TIMES if name in names), None)
    if time is None:
        raise NoSuchExport(f"{found.name} has none of {', '.join(TIMES)}: give --where instead")
    bounds = ((">=", since), ("<", until))
    return [
        SQL("{} {} {}").format(Identifier(time), SQL(sign), Literal(bound)) for sign, bound in bounds if bound
    ]


def _harmless(column: Field) -> Composed:
    name = Identifier(column.name)
    if column.type not in _WORDS:
        return SQL("{}").format(name)
    return SQL(
        "CASE WHEN {0} ~ '^[-=+@\uff1d\uff0b\uff0d\uff20\\t\\r\\n]' THEN '''' || {0} ELSE {0} END AS {0}"
    ).format(name)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is at `path` once the block ends well, and never in part. Raises Unwritable.

    Whoever may not read the file that was there may not read this one. What is no file, as a pipe, is
    written to as it is.
    """
    try:
        path = path.resolve()  # a link stays one
        in_one_go = path.exists() and not path.is_file()
        with path.open("wb") if in_one_go else _replacing(path) as file:
            yield file
    except OSError as error:
        raise Unwritable(f"{path} could not be written: {error.strerror or error}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    draft = path.with_name(f".hooklog-{secrets.token_hex(6)}.part")
    with draft.open("xb") as file:
        try:
            if path.exists():
                shutil.copymode(path, draft)
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    sync(path.parent)
