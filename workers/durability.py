"""What the history's durability rests on in the Postgres at hand; what loses events is refused by name."""

from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.durability import Undurable

OLDEST = 140000


def refuse_undurable(connection: "Connection[Any]") -> None:
    """Raise Undurable if committed events could be lost, or if the server is too old."""
    found = []
    if connection.info.server_version < OLDEST:
        found.append(f"PostgreSQL {connection.info.server_version // 10000} is too old: use 14 or later.")
    if _setting(connection, "fsync") == "off":
        found.append(
            "fsync is 'off', so a crash may lose committed events or the whole database: "
            "ALTER SYSTEM SET fsync = on, and reload."
        )
    if _setting(connection, "synchronous_commit") == "off":
        found.append(
            "synchronous_commit is 'off', so a crash loses committed events: ALTER SYSTEM SET "
            "synchronous_commit = on, and reload (or take it out of the role, the database or DATABASE_URL)."
        )
    if found:
        raise Undurable(" ".join(found) + " (ALLOW_UNDURABLE=1 goes on regardless, and may lose events.)")


def _setting(connection: "Connection[Any]", name: str) -> str:
    with connection.cursor(row_factory=tuple_row) as cursor:
        [(value,)] = cursor.execute("SELECT current_setting(%s)", [name]).fetchall()
    return str(value)
