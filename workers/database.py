"""Connections to Postgres, and the schema that they find there."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import DependentObjectsStillExist
from psycopg.rows import DictRow, dict_row, tuple_row

from ingest.refusal import Refusal

Connection = psycopg.Connection[DictRow]

SCHEMA = Path(__file__).parent.parent / "schema.sql"

_APPLIED = "SELECT value FROM configuration WHERE name = 'schema'"
_REMEMBER = """
INSERT INTO configuration (name, value) VALUES ('schema', %s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""

# Any number; two starts at once must not both create the same table.
SCHEMA_LOCK = 0x686F6F6B6C6F67


class SchemaInUse(Refusal):
    """What has to be made anew is used by what others made: the message names both."""


def dial(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """An autocommit connection for a process that lives long. Raises psycopg.OperationalError."""
    # A host that vanished closes nothing: without these the process would wait for it for hours.
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=10,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )


def connect(url: str, *, autocommit: bool = True, **options: Any) -> Connection:
    """A connection whose rows are dicts. Raises psycopg.OperationalError, as every psycopg connection."""
    return psycopg.connect(url, autocommit=autocommit, row_factory=dict_row, **options)


def apply_schema(connection: "psycopg.Connection[Any]") -> None:
    """Bring the database to what schema.sql says, in one transaction; one process at a time.

    Raises SchemaInUse.
    """
    schema = SCHEMA.read_bytes()
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
            connection.execute(schema)
            connection.execute(_REMEMBER, [_fingerprint(schema)])
    except DependentObjectsStillExist as error:
        raise SchemaInUse(
            f"the schema was left as it is, since {error.diag.message_detail}: drop what was made by others, "
            "start again, and make it anew"
        ) from None


def ensure_schema(connection: "psycopg.Connection[Any]") -> None:
    """Apply schema.sql unless this very text was applied last: replacing a view waits for its readers."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        [(known,)] = cursor.execute("SELECT to_regclass('configuration') IS NOT NULL").fetchall()
        applied = cursor.execute(_APPLIED).fetchone() if known else None
    if applied != (_fingerprint(SCHEMA.read_bytes()),):
        apply_schema(connection)


def _fingerprint(schema: bytes) -> str:
    return blake2b(schema, digest_size=16).hexdigest()
