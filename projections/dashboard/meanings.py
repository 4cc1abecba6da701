"""What figures mean: the comments of the schema, which is the one place where that is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from projections.dashboard.reader import Reader

_ROUTINES = """
SELECT proname AS name, obj_description(oid, 'pg_proc') AS comment
FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND obj_description(oid, 'pg_proc') IS NOT NULL
"""
_COLUMNS = """
SELECT relname AS name, attname AS column, col_description(pg_class.oid, attnum) AS comment
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
    AND col_description(pg_class.oid, attnum) IS NOT NULL
"""
_RELATIONS = """
SELECT relname AS name, obj_description(oid, 'pg_class') AS comment
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
    AND obj_description(oid, 'pg_class') IS NOT NULL
"""


@dataclass(frozen=True)
class Meaning:
    """Of a function, view or table: a sentence on the whole, and one a column."""

    whole: str
    columns: Mapping[str, str]


NOTHING = Meaning("", {})


class Meanings:
    """Read once; a schema that changed is read when the process starts anew."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._found: dict[str, Meaning] | None = None

    async def read(self) -> Mapping[str, Meaning]:
        """By the name of what they explain. Raises psycopg.Error."""
        if self._found is None:
            columns: dict[str, dict[str, str]] = {}
            for row in await self._reader.rows(_COLUMNS):
                columns.setdefault(row["name"], {})[row["column"]] = row["comment"]
            self._found = {
                row["name"]: Meaning(row["comment"], columns.get(row["name"], {}))
                for row in await self._reader.rows(_RELATIONS)
            }
            routines = await self._reader.rows(_ROUTINES)
            self._found |= {row["name"]: parsed(row["comment"]) for row in routines}
        return self._found


def parsed(comment: str) -> Meaning:
    """A function's comment: sentences, then a line for each parameter and column, `name: meaning`."""
    whole: list[str] = []
    columns: dict[str, str] = {}
    for line in comment.splitlines():
        name, colon, meaning = line.partition(": ")
        if colon and name.isidentifier():
            columns[name] = meaning[:1].upper() + meaning[1:]
        else:
            whole.append(line)
    return Meaning("\n".join(whole).strip(), columns)
