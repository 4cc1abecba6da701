"""The data dictionary: what an analyst may read and call, told by the database's own comments."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple

from ingest.refusal import Refusal
from workers.analyst import Connection

_RELATIONS = """
SELECT relation.relname, CASE relation.relkind WHEN 'r' THEN 'table' ELSE 'view' END,
    obj_description(relation.oid, 'pg_class'),
    (
        SELECT json_agg(json_build_array(
            attribute.attname, format_type(attribute.atttypid, attribute.atttypmod),
            col_description(relation.oid, attribute.attnum)
        ) ORDER BY attribute.attnum)
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
    )
FROM pg_class AS relation
WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind IN ('r', 'v', 'm', 'p')
    AND has_table_privilege('hooklog_analyst', relation.oid, 'SELECT')
ORDER BY relation.relkind <> 'r', relation.relname
"""

# What PUBLIC may call by default is not meant by that: a function for analysts is granted to them.
_FUNCTIONS = """
SELECT routine.proname, obj_description(routine.oid, 'pg_proc'), routine.proretset,
    coalesce(pg_get_function_result(routine.oid), ''), shape.relname,
    (
        SELECT json_agg(json_build_array(
            coalesce(routine.proargnames[argument.n], '$' || argument.n), format_type(argument.type, NULL),
            coalesce(routine.proargmodes[argument.n], 'i'),
            pg_get_function_arg_default(routine.oid, argument.n::integer)
        ) ORDER BY argument.n)
        FROM unnest(coalesce(routine.proallargtypes, routine.proargtypes::oid[]))
            WITH ORDINALITY AS argument (type, n)
    )
FROM pg_proc AS routine
LEFT JOIN pg_type AS returned ON returned.oid = routine.prorettype AND returned.typtype = 'c'
LEFT JOIN pg_class AS shape ON shape.oid = returned.typrelid
WHERE routine.pronamespace = current_schema()::regnamespace
    AND EXISTS (
        SELECT FROM aclexplode(routine.proacl) AS granted
        WHERE granted.grantee = 'hooklog_analyst'::regrole AND granted.privilege_type = 'EXECUTE'
    )
ORDER BY routine.proname, routine.oid
"""
_ALIKE = re.compile(r"Its columns are those of ([a-z_]+)")
_NAMED = re.compile(r"^([a-z_][a-z0-9_]*): (.+)$")

NEAR = 0.75
"""How much of a name must be right for another to be meant."""

INPUT, OUTPUT = frozenset("ivb"), frozenset("tob")
"""Postgres' letters for arguments that are given, and for columns that come out."""


class NoSuchEntry(Refusal):
    """The dictionary has nothing of that name: the message lists what is like it."""


class Field(NamedTuple):
    """A column or a parameter; `default` is the SQL that stands for a parameter that is left out."""

    name: str
    type: str
    meaning: str
    default: str | None = None


@dataclass(frozen=True)
class Entry:
    """A table, view or function. `columns` are empty for a function that gives a single value."""

    name: str
    kind: str
    meaning: str
    columns: tuple[Field, ...]
    parameters: tuple[Field, ...] = ()
    returns: str = ""

    @property
    def call(self) -> str:
        """How it is written in a query."""
        if self.kind != "function":
            return self.name
        shown = [
            f"{each.name} DEFAULT {each.default}" if each.default else each.name for each in self.parameters
        ]
        return f"{self.name}({', '.join(shown)})"


def entries(connection: Connection) -> list[Entry]:
    """All that an analyst may read or call: tables, then views, then functions, each by name."""
    relations = [
        Entry(name, kind, meaning or "", tuple(Field(each[0], each[1], each[2] or "") for each in columns))
        for name, kind, meaning, columns in _rows(connection, _RELATIONS)
    ]
    shapes = {entry.name: entry.columns for entry in relations}
    functions = [_function(row, shapes) for row in _rows(connection, _FUNCTIONS)]
    return relations + functions


def entry(connection: Connection, name: str) -> Entry:
    """The one of that name. Raises NoSuchEntry."""
    known = entries(connection)
    for each in known:
        if each.name == name.lower():
            return each
    raise NoSuchEntry(f"nothing that analysts may read is called {name}; {_hint(known, name)}")


def hint(connection: Connection, name: str) -> str:
    """What is called nearly so, for who asked for what is not there."""
    return _hint(entries(connection), name)


def _hint(known: Iterable[Entry], name: str) -> str:
    names = [each.name for each in known]
    near = [each for each in names if name.lower() in each] if name else []
    near = near or difflib.get_close_matches(name.lower(), names, 5, NEAR)
    return f"there are: {', '.join(near)}" if near else "./run dictionary lists everything"


def _function(row: tuple[Any, ...], shapes: dict[str, tuple[Field, ...]]) -> Entry:
    name, comment, several, result, shape, arguments = row
    meaning, named = _told(comment or "")
    if alike := _ALIKE.search(meaning):
        named = {each.name: each.meaning for each in shapes.get(alike[1], ())} | named
    fields = [
        (mode, Field(argument, kind, named.get(argument, ""), default))
        for argument, kind, mode, default in arguments or ()
    ]
    columns = tuple(each for mode, each in fields if mode in OUTPUT)
    return Entry(
        name,
        "function",
        meaning,
        columns or shapes.get(shape or "", ()),
        tuple(each for mode, each in fields if mode in INPUT),
        "rows" if several else result,
    )


def _told(comment: str) -> tuple[str, dict[str, str]]:
    """A function's comment: what it is, and what each of its parameters and columns is, a line each."""
    meaning: list[str] = []
    named: dict[str, str] = {}
    for line in comment.split("\n"):
        if matched := _NAMED.match(line):
            named[matched[1]] = matched[2]
        else:
            meaning.append(line)
    return "\n".join(meaning), named


def undescribed(known: Iterable[Entry]) -> list[str]:
    """What has no meaning, as `payments`, `payments.amount` or `fx_rate(currency)`."""
    found = []
    for each in known:
        if not each.meaning:
            found.append(each.name)
        found += [f"{each.name}.{column.name}" for column in each.columns if not column.meaning]
        found += [f"{each.name}({parameter.name})" for parameter in each.parameters if not parameter.meaning]
    return found


def _rows(connection: Connection, query: LiteralString) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()
