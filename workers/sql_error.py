"""What a database says of somebody's query, as a sentence with the place in the query."""

import re

import psycopg

from ingest.refusal import Refusal
from workers.printable import printable

CONTEXT = 60
"""Characters of the line that are shown on either side."""


UNKNOWN = {"42P01", "42883"}
"""Postgres' codes for a table, and for a function, that is not there."""

_NAME = re.compile(r'"?(?:\w+"?\."?)?(\w+)')


class BadQuery(Refusal):
    """The database refuses the query: the message says what, and where."""


class UnknownName(BadQuery):
    """The query names a table or function that is not there: `name`, as it is written."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


def refused(error: psycopg.Error, query: str, offset: int = 0) -> BadQuery:
    """The error as a Refusal; `offset` characters were sent before `query`, which its position counts."""
    said = error.diag
    if said.message_primary is None:
        cast = ": cast it to text" if isinstance(error, psycopg.DataError) else ""
        return BadQuery(f"{str(error).strip()}{cast}")
    if said.sqlstate == "57014" and "statement timeout" in said.message_primary:
        return BadQuery("the query took longer than --timeout, or the log-in's statement_timeout, allows")
    if said.sqlstate == "42601" and "multiple commands" in said.message_primary:
        return BadQuery("these are several statements: ask one, and the others after it")
    sentence = _harmless(said.message_primary)
    told = (("detail", said.message_detail), ("hint", said.message_hint))
    more = [f"{name}: {_harmless(text)}" for name, text in told if text]
    if said.statement_position is None:
        return BadQuery("\n".join([sentence, *more]))
    at = min(max(int(said.statement_position) - 1 - offset, 0), len(query))
    before = query[:at]
    line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1)
    text = query.split("\n")[line - 1]
    start = max(0, column - CONTEXT)
    shown = text[start : column + CONTEXT].replace("\t", " ")
    mark = " " * (column - start) + "^"
    message = "\n".join([f"line {line}, character {column + 1}: {sentence}", shown, mark, *more])
    if said.sqlstate in UNKNOWN and (name := _NAME.match(query, at)):
        return UnknownName(message, name[1])
    return BadQuery(message)


def _harmless(text: str) -> str:
    """What the database says may cite a row."""
    return "\n".join(map(printable, text.split("\n")))
