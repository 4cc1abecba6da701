"""Reading as an analyst: one statement, no rights but to read, and an end, whatever comes of its rows."""

import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import Result as Outcome

from ingest.settings import Settings
from tests.web_process import PATIENCE
from workers import parquet
from workers.analyst import reading
from workers.database import Connection
from workers.parquet import NotInParquet
from workers.result import Result

Run = Callable[..., Outcome]


STACKED = "1) TO STDOUT; COMMIT; RESET ROLE; CREATE TABLE own (); COPY (SELECT 1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "--csv", f"SELECT {STACKED}"),
        ("export", "fx_rates", "--where", f"true)) TO STDOUT; {STACKED} WHERE (true"),
        ("export", f"period_starts('2026-01-01', '2026-02-01')) TO STDOUT; {STACKED} FROM now()"),
    ],
)
def test_no_second_statement_gets_through(run: Run, database: Connection, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (1, True) == (result.exit_code, "syntax error" in result.output), result.output
    assert [{"own": None}] == database.execute("SELECT to_regclass('own') AS own").fetchall()


@pytest.mark.parametrize("form", ["--csv", "--json", None])
def test_a_reader_who_has_seen_enough_ends_the_query(settings: Settings, form: str | None) -> None:
    sql = "SELECT generate_series(1, 100000000), repeat('x', 300) AS word"
    with subprocess.Popen(
        [sys.executable, "-m", "workers.command", "query", *([form] if form else []), sql],
        env=os.environ | {"DATABASE_URL": settings.database_url or ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr
        assert (b"", 1) == (process.stderr.read(), process.wait(PATIENCE))


def test_rows_that_nobody_takes_any_more_end_the_query(settings: Settings) -> None:
    sql = "SELECT 1e30 AS amount, generate_series(1, 100000000) AS n"
    with pytest.raises(NotInParquet), reading(settings) as connection:
        list(parquet.write(Result(connection, sql, parquet.AS_VALUES), BytesIO()))


def test_values_are_written_alike_whatever_a_database_says(
    run: Run, database: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGDATESTYLE", "German")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    sql = "SELECT timestamptz '2026-11-30 12:00+00' AS at, 0.1::float8 + 0.2 AS sum, '漢' AS word"
    assert "at,sum,word\n2026-11-30 12:00:00+00,0.30000000000000004,漢\n" == run("query", "--csv", sql).output
    assert (
        '{"at":"2026-11-30T12:00:00Z","sum":0.30000000000000004,"word":"漢"}\n'
        == run("query", "--json", sql).output
    )
    database.execute("INSERT INTO checkpoints (partition, updated_at) VALUES (0, now())")
    file = str(tmp_path / "checkpoints.parquet")
    assert 0 == run("export", "checkpoints", "--format", "parquet", "--output", file).exit_code


LIMITS = [(), ("--timeout", "5"), ("--timeout", "0")]


def test_a_log_ins_own_time_limit_holds_unless_another_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1h")
    ask = "SELECT current_setting('statement_timeout') AS most"
    shown = [run("query", "--csv", *option, ask).output for option in LIMITS]
    assert ["most\n1h\n", "most\n5s\n", "most\n0\n"] == shown
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1s")
    assert "statement_timeout, allows" in run("query", "SELECT pg_sleep(10)").output
    days = "period_starts('2026-01-01', '2026-03-01')"
    assert "statement_timeout, allows" in run("export", days, "--where", "pg_sleep(10) IS NULL").output


def test_a_database_without_tables_says_what_to_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
    monkeypatch.setenv(
        "DATABASE_URL", os.environ["DATABASE_URL"].replace("-csearch_path", "-cdefault_tablespace")
    )
    for command in (("query", "SELECT 1"), ("export", "payments"), ("dictionary",)):
        result = run(*command)
        assert (1, True) == (result.exit_code, "has no tables of hooklog: set DATABASE_URL" in result.output)
