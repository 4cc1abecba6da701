"""The schema: applied once, and again only where it changed."""

from pathlib import Path

import pytest

from ingest.settings import Settings
from workers import database as module
from workers.checkpoints import WrongPartitions
from workers.database import Connection, SchemaInUse, apply_schema, ensure_schema
from workers.readiness import prepare_database


def views(database: Connection) -> set[str]:
    rows = database.execute("SELECT viewname FROM pg_views WHERE schemaname = current_schema()")
    return {row["viewname"] for row in rows}


def test_a_schema_that_was_applied_is_left_alone(database: Connection) -> None:
    database.execute("DROP VIEW payments CASCADE")
    ensure_schema(database)
    assert "payments" not in views(database)


def test_a_schema_that_changed_is_applied(
    database: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "schema.sql"
    newer.write_bytes(module.SCHEMA.read_bytes() + b"CREATE OR REPLACE VIEW newer AS SELECT 1 AS one;")
    monkeypatch.setattr(module, "SCHEMA", newer)
    ensure_schema(database)
    assert "newer" in views(database)


def test_what_others_made_of_its_functions_stays(database: Connection) -> None:
    database.execute("CREATE VIEW others AS SELECT gross FROM payment_metrics('2026-01-01', '2027-01-01')")
    database.execute("GRANT EXECUTE ON FUNCTION payment_metrics TO pg_monitor")
    apply_schema(database)
    [kept] = database.execute("SELECT proacl::text AS granted FROM pg_proc WHERE proname = 'payment_metrics'")
    assert ("others" in views(database), "pg_monitor=X" in kept["granted"]) == (True, True)


def test_what_others_made_of_what_has_to_go_is_named(
    database: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE VIEW others AS SELECT gross FROM payment_metrics('2026-01-01', '2027-01-01')")
    newer = tmp_path / "schema.sql"
    newer.write_bytes(b"DROP FUNCTION payment_metrics;" + module.SCHEMA.read_bytes())
    monkeypatch.setattr(module, "SCHEMA", newer)
    with pytest.raises(
        SchemaInUse, match="left as it is, since view others depends on function payment_metrics"
    ):
        ensure_schema(database)
    assert "others" in views(database)


def test_a_database_without_any_schema_gets_it(database: Connection) -> None:
    schema = database.execute("SELECT current_schema() AS name").fetchone()
    assert schema
    database.execute(f"DROP SCHEMA {schema['name']} CASCADE; CREATE SCHEMA {schema['name']}")
    ensure_schema(database)
    assert "payments" in views(database)


def test_another_number_of_partitions_is_refused(settings: Settings) -> None:
    prepare_database(settings)
    with pytest.raises(WrongPartitions, match="Set LOG_PARTITIONS=4"):
        prepare_database(settings.model_copy(update={"log_partitions": 8}))
