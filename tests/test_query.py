"""`./run query`: a question to the database, read-only, streaming, and refused in a sentence."""

import json
import signal
from collections.abc import Callable

import psycopg
import pytest
from click.testing import Result

from ingest.settings import Settings
from tests.events import customer, event
from tests.pipeline import Pipeline
from tests.running import started
from tests.web_process import PATIENCE, until
from workers.analyst import NoAnalyst, reading
from workers.database import Connection
from workers.printable import printable

Run = Callable[..., Result]


def test_an_answer_is_a_table_with_amounts_as_they_are(run: Run) -> None:
    shown = run(
        "query", "SELECT 'eur' AS currency, 123456789 AS amount, 1.10 AS rate, NULL AS nothing"
    ).output
    assert ["currency", "amount", "rate", "nothing"] == shown.splitlines()[1].split()
    assert ["eur", "123456789", "1.10", "null"] == shown.splitlines()[3].split()


def test_a_columns_name_is_shown_as_it_is(run: Run) -> None:
    assert "[/x][red]" in run("query", 'SELECT 1 AS "[/x][red]"').output


def test_an_answer_without_rows_shows_its_columns(run: Run) -> None:
    assert "amount" in run("query", "SELECT amount FROM payments").output


def test_json_is_exact_and_an_object_a_line(run: Run) -> None:
    output = run(
        "query",
        "--json",
        """SELECT 9007199254740993::bigint AS amount, 0.10::numeric AS rate, 'NaN'::numeric AS none,
            '2026-11-24 12:00:00+00'::timestamptz AS at, '{"a": [1, "ü"]}'::jsonb AS metadata,
            ARRAY['a', NULL] AS names, true AS live, NULL::text AS nothing, date '2026-11-24' AS day
        UNION ALL SELECT 1, 2, 3, 'infinity', '{}', '{}', false, 'x', NULL""",
    ).output
    first, second = output.splitlines()
    assert (
        '{"amount":9007199254740993,"rate":0.10,"none":"NaN","at":"2026-11-24T12:00:00Z","metadata":'
        '{"a": [1, "ü"]},"names":["a",null],"live":true,"nothing":null,"day":"2026-11-24"}'
    ) == first
    assert {"at": "infinity", "day": None} == {
        name: value for name, value in json.loads(second).items() if name in ("at", "day")
    }


def test_json_keeps_what_it_has_no_type_for_in_the_words_of_the_server(run: Run) -> None:
    output = run(
        "query",
        "--json",
        r"""SELECT 'NaN'::float8 AS nan, '-Infinity'::float4 AS low, 1e20::float8 AS big,
            0.1::float8 AS tenth,
            '\xdead'::bytea AS bytes, ARRAY['\xde'::bytea, NULL] AS many, E'{"a":\n1}'::json AS json,
            int4range(1, 3) AS range, (1, 'a') AS pair, B'101' AS bits, '10.0.0.1'::inet AS place""",
    ).output
    assert (
        r'{"nan":"NaN","low":"-Infinity","big":1e+20,"tenth":0.1,"bytes":"\\xdead","many":["\\xde",null],'
        r'"json":{"a": 1},"range":"[1,3)","pair":"(1,a)","bits":"101","place":"10.0.0.1"}'
    ) == output.rstrip("\n")


def test_csv_is_that_of_copy(run: Run) -> None:
    assert 'a,b\n1,"x,""y"\n2,\n' == run(
        "query", "--csv", "VALUES (1, 'x,\"y'), (2, NULL); ".replace("VALUES", "SELECT * FROM (VALUES")
        .replace("; ", ") AS t (a, b) -- all;")
    ).output  # fmt: skip


def test_a_query_is_read_from_standard_input(run: Run) -> None:
    assert "42" in run("query", "-", input="SELECT 42").output


REFUSED = [
    ("SELECT 1,\n  nope", 'line 2, character 3: column "nope" does not exist\n  nope\n  ^'),
    ("SELECT 1/0", "division by zero"),
    ("SELECT * FROM heads", "permission denied for table heads"),
    ("SELECT 'a'::jsonb", 'detail: Token "a" is invalid.'),
]


def test_an_error_is_a_sentence_with_the_place(run: Run) -> None:
    for sql, sentence in REFUSED:
        for form in ("--json", "--csv"):
            result = run("query", form, sql)
            assert (1, True) == (result.exit_code, sentence in result.output), result.output


def test_a_row_that_an_error_cites_does_not_steer_the_terminal(run: Run) -> None:
    result = run("query", "SELECT (E'\\x1b[31m' || 'red')::integer")
    assert (True, False) == ("\\x1b[31mred" in result.output, "\x1b" in result.output)


NEARLY = [
    ("SELECT * FROM paymnets", "there are: payments"),
    ('SELECT * FROM public."paymnets"', "there are: payments"),
    ("SELECT * FROM payment_metric('2026-01-01')", "there are: payment_metrics, payment_metrics_converted"),
    ("SELECT * FROM nonsense", "./run dictionary lists everything"),
]


def test_a_name_that_is_not_there_is_answered_with_what_is_like_it(run: Run) -> None:
    for sql, hint in NEARLY:
        result = run("query", "--csv", sql)
        assert (1, True) == (result.exit_code, result.output.endswith(f"{hint}\n")), result.output


def test_two_columns_of_one_name_are_no_json(run: Run) -> None:
    assert "name them apart with AS" in run("query", "--json", "SELECT 1 AS a, 2 AS a").output


NO_QUESTIONS = [
    ("DELETE FROM customers", "a query begins with SELECT"),
    ("DO $$ BEGIN END $$", "a query begins with SELECT"),
    ("SELECT 1; SELECT 2", "these are several statements: ask one"),
    ("SELECT 1\0 + 1", "neither text nor SQL"),
    ("SELECT '\udcff'", "neither text nor SQL"),
    ("WITH gone AS (DELETE FROM customers RETURNING 1) SELECT * FROM gone", "read-only transaction"),
    ("SELECT 1 AS one INTO own", "read-only transaction"),
    ("SELECT pg_read_file('/etc/hostname')", "permission denied"),
]


def test_nothing_but_a_question_gets_through(run: Run, pipeline: Pipeline) -> None:
    pipeline.deliver(event("customer.created", customer()))
    pipeline.run()
    for sql, sentence in NO_QUESTIONS:
        result = run("query", sql)
        assert (1, True) == (result.exit_code, sentence in result.output), result.output
        assert 1 == len(pipeline.rows("customers"))


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e9"])
@pytest.mark.parametrize("command", [("query", "SELECT 1"), ("export", "payments"), ("settle",)])
def test_a_time_that_is_none_is_refused(run: Run, command: tuple[str, ...], seconds: str) -> None:
    result = run(*command, "--timeout", seconds, env={"REDIS_URL": "redis://127.0.0.1:1"})
    assert (2, True) == (result.exit_code, "Invalid value for '--timeout'" in result.output)


def test_a_query_that_takes_too_long_ends(run: Run) -> None:
    assert "longer than --timeout" in run("query", "--timeout", "0.05", "SELECT pg_sleep(10)").output


@pytest.mark.parametrize(("signalled", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_whoever_ends_the_command_ends_the_query_at_the_server(
    settings: Settings, database: Connection, signalled: signal.Signals, code: int
) -> None:
    # As if the request to cancel had come before the server began with the query.
    database.execute(
        """
        CREATE FUNCTION not_to_be_canceled() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(60); END $$;
        GRANT EXECUTE ON FUNCTION not_to_be_canceled TO hooklog_analyst
        """
    )
    asked = f"SELECT '{settings.log_prefix}', not_to_be_canceled()"
    running = f"SELECT FROM pg_stat_activity WHERE query = $q${asked}$q$ AND wait_event = 'PgSleep'"
    with started("query", asked, settings=settings) as process:
        until(lambda: database.execute(running).rowcount)
        process.send_signal(signalled)
        process.communicate(timeout=PATIENCE)
    assert code == process.returncode
    until(lambda: not database.execute(running).rowcount)


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_rows_are_not_gathered_in_memory(settings: Settings, form: str) -> None:
    peaks = []
    for rows in (1, 300_000):
        sql = f"SELECT n, repeat('x', 300) AS word FROM generate_series(1, {rows}) AS n"
        with started("query", form, sql, settings=settings, measured=True) as process:
            output, errors = process.communicate(timeout=PATIENCE)
        assert rows <= output.count(b"\n")
        peaks.append(int(errors.split()[-1]))  # KiB; macOS tells bytes, which compare as well
    assert peaks[1] < peaks[0] * 1.3


def test_what_would_steer_a_terminal_is_shown() -> None:
    assert "ädè 漢\\x1b[31m\\n\\u202e" == printable("ädè 漢\x1b[31m\n\u202e")


def test_more_columns_than_fit_are_a_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.commands.query.UNFOLDED", 40)
    shown = run("query", "SELECT 1 AS \"[/x]\", 2 AS b, 3 AS c, 4 AS d, 'five' AS e").output.split()
    assert ["row", "1", "[/x]", "1", "b", "2", "c", "3", "d", "4", "e", "five"] == shown


def test_who_may_not_read_as_an_analyst_is_told_what_to_grant(
    database: Connection, settings: Settings
) -> None:
    login = f"{settings.log_prefix}_stranger"
    database.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'")
    url = psycopg.conninfo.make_conninfo(settings.database_url or "", user=login, password="x")
    try:
        with (
            pytest.raises(NoAnalyst, match=f"GRANT hooklog_analyst TO {login}"),
            reading(settings.model_copy(update={"database_url": url})),
        ):
            pass
    finally:
        database.execute(f"DROP ROLE {login}")
