"""What a database says of somebody's query, as a sentence with the place in the query."""

import psycopg

from ingest.refusal import Refusal

CONTEXT = 60
"""Characters of the line that are shown on either side."""


class BadQuery(Refusal):
    """The database refuses the query: the message says what, and where."""


def refused(error: psycopg.Error, query: str, offset: int = 0) -> BadQuery:
    """The error as a Refusal; `offset` characters were sent before `query`, which its position counts."""
    said = error.diag
    if said.message_primary is None:
        return BadQuery(str(error).strip())
    if said.sqlstate == "57014" and "statement timeout" in said.message_primary:
        return BadQuery("the query took longer than --timeout, or the log-in's statement_timeout, allows")
    sentence = said.message_primary
    more = [f"{name}: {text}" for name, text in (("detail", said.message_detail), ("hint", said.message_hint))
            if text]  # fmt: skip
    if said.statement_position is None:
        return BadQuery("\n".join([sentence, *more]))
    at = min(max(int(said.statement_position) - 1 - offset, 0), len(query))
    before = query[:at]
    line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1)
    text = query.split("\n")[line - 1]
    start = max(0, column - CONTEXT)
    shown = text[start : column + CONTEXT].replace("\t", " ")
    mark = " " * (column - start) + "^"
    return BadQuery("\n".join([f"line {line}, character {column + 1}: {sentence}", shown, mark, *more]))
