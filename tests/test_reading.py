"""Reading as an analyst: one statement, no rights but to read, and an end, whatever comes of its rows."""

import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO

import pytest
from click.testing import CliRunner
from click.testing import Result as Outcome

from ingest.settings import Settings
from workers import parquet
from workers.analyst import reading
from workers.command import hooklog
from workers.database import Connection
from workers.parquet import NotInParquet
from workers.result import Result

Run = Callable[..., Outcome]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("query", …)` with the rights of the database's owner, who takes those of analysts."""
    assert settings.database_url
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.delenv("ANALYST_DATABASE_URL", raising=False)
    return lambda *arguments, **given: CliRunner().invoke(hooklog, arguments, **given)


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
        assert (b"", 1) == (process.stderr.read(), process.wait(20))


def test_rows_that_nobody_takes_any_more_end_the_query(settings: Settings) -> None:
    sql = "SELECT 1e30 AS amount, generate_series(1, 100000000) AS n"
    with pytest.raises(NotInParquet), reading(settings) as connection:
        list(parquet.write(Result(connection, sql, parquet.AS_TEXT), BytesIO()))
