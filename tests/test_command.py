"""`hooklog`: every error that its user can put right is one sentence, and never a traceback."""

import errno
import os
import subprocess
import sys
from urllib.parse import urlsplit

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.command import COMMANDS, Lazy, hooklog

REFUSED = Refusal("the disk is made of cheese: eat it")
FULL = OSError(errno.ENOSPC, "No space left on device", "/var/lib/hooklog")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(hooklog, arguments)


def failing(error: Exception) -> click.Command:
    def fail() -> None:
        raise error

    return click.Command("failing", callback=fail)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hooklog fail`, which raises what the module's attribute `failure` says."""
    monkeypatch.setitem(COMMANDS, "fail", Lazy(f"{__name__}:failure", "Fail."))


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"bench"}))  # which lies outside the packages
def test_every_command_explains_itself_without_a_stack(name: str) -> None:
    result = run(name, "--help")
    assert 0 == result.exit_code, result.output
    assert f"Usage: hooklog {name}" in result.output


def test_all_commands_are_listed() -> None:
    listed = run("--help").output
    assert all(f"  {name} " in listed for name in COMMANDS)


def test_an_unknown_command_is_a_wrong_use() -> None:
    result = run("nonsense")
    assert (2, True) == (result.exit_code, "No such command 'nonsense'" in result.output)


@pytest.mark.usefixtures("fail")
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (REFUSED, "Error: the disk is made of cheese: eat it"),
        (FULL, "Error: /var/lib/hooklog: No space left on device"),
    ],
)
def test_what_a_user_can_put_right_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    monkeypatch.setitem(globals(), "failure", failing(error))
    result = run("fail")
    assert (1, [sentence]) == (result.exit_code, result.output.splitlines())


@pytest.mark.usefixtures("fail")
def test_a_fault_of_the_program_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "failure", failing(ZeroDivisionError()))
    assert isinstance(run("fail").exception, ZeroDivisionError)


@pytest.mark.parametrize(("closed", "told"), [(">&-", True), ("2>&-", False)])
def test_an_output_that_is_closed_is_refused_before_a_socket_takes_its_place(closed: str, told: bool) -> None:
    command = ["sh", "-c", f'"$0" -m workers.command --version {closed}', sys.executable]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (1, told) == (ended.returncode, "send it to /dev/null instead" in ended.stderr)
    assert "Traceback" not in ended.stderr


def test_an_environment_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eight thousand")
    result = run("up")
    assert (1, True) == (result.exit_code, "PORT: Input should be a valid integer" in result.output)


@pytest.mark.parametrize("name", ["web", "drain", "scheduler", "sweep"])
def test_a_process_says_which_server_it_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    result = run(name)
    assert (1, True) == (result.exit_code, "REDIS_URL" in result.output)
    assert "must be set, or start everything by ./run up" in result.output


def test_a_server_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/hooklog")
    result = run("status")
    assert (1, True) == (result.exit_code, result.output.startswith("Error: a server does not answer: "))


@pytest.mark.parametrize("name", ["creator", "drain", "scheduler"])
def test_a_process_that_finds_no_redis_ends_with_a_failure(settings: Settings, name: str) -> None:
    away = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": str(settings.database_url)}
    ended = subprocess.run(
        [sys.executable, "-m", "workers.command", name],
        env={**os.environ, **away, "STRIPE_SECRET_KEY": "sk_test_1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (1, False) == (ended.returncode, "Traceback" in ended.stderr), ended.stderr
    assert "Error: " in ended.stderr


def test_a_server_that_lets_nobody_in_is_not_said_to_be_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = psycopg.conninfo.make_conninfo(settings.database_url or "", password="wrong")
    monkeypatch.setenv("DATABASE_URL", wrong)
    monkeypatch.delenv("ANALYST_DATABASE_URL", raising=False)
    said = run("query", "SELECT 1").output
    assert said.startswith("Error: a server refuses: ")
    assert "DATABASE_URL, ANALYST_DATABASE_URL and REDIS_URL say where it is" in said


@pytest.mark.parametrize("name", ["status", "query", "up", "drain", "web", "dashboard"])
def test_a_database_that_libpq_cannot_read_is_named_with_the_reason(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("REDIS_URL", settings.redis_url or "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://hooklog:secret@localhost/hooklog?timeout=3")
    result = run(name, *["SELECT 1"][: name == "query"])
    said = 'Error: DATABASE_URL: invalid URI query parameter: "timeout"'
    assert (1, said) == (result.exit_code, result.output.strip())


def test_a_redis_that_does_not_do_what_is_asked_is_not_said_to_be_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url or "")
    url = urlsplit(settings.redis_url or "")
    stranger = url._replace(netloc=f":secret@{url.hostname}:{url.port}")
    for wrong in (stranger, url._replace(path="/100000")):
        monkeypatch.setenv("REDIS_URL", wrong.geturl())
        result = run("status")
        assert (1, True) == (result.exit_code, result.output.startswith("Error: a server refuses: "))
        assert "secret" not in result.output


@pytest.mark.parametrize("arguments", [("status",), ("fx", "status"), ("rollups", "check")])
def test_a_database_without_tables_is_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    empty = psycopg.conninfo.make_conninfo(settings.database_url or "", options="-csearch_path=pg_catalog")
    monkeypatch.setenv("DATABASE_URL", empty)
    monkeypatch.setenv("REDIS_URL", settings.redis_url or "")
    result = run(*arguments)
    assert (1, True) == (result.exit_code, result.output.startswith("Error: the database has not all tables"))
    assert "./run up makes them" in result.output
