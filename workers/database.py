"""Connections to Postgres, and the schema that they find there."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

Connection = psycopg.Connection[DictRow]

SCHEMA = Path(__file__).parent.parent / "schema.sql"

# Any number; two starts at once must not both create the same table.
SCHEMA_LOCK = 0x686F6F6B6C6F67


def connect(url: str, *, autocommit: bool = True, **options: Any) -> Connection:
    """A connection whose rows are dicts. Raises psycopg.OperationalError, as every psycopg connection."""
    return psycopg.connect(url, autocommit=autocommit, row_factory=dict_row, **options)


def apply_schema(connection: "psycopg.Connection[Any]") -> None:
    """Bring the database to what schema.sql says, in one transaction; one process at a time."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        connection.execute(SCHEMA.read_bytes())
