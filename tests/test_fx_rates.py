"""Exchange rates: through the log into their table, corrected, and found for a day."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given as for_all
from hypothesis import strategies as st

from ingest import money
from ingest.settings import Settings
from projections.causality import order
from tests.fx import DAY, HISTORY, corrected, loaded
from tests.pipeline import Pipeline
from workers import fx_load
from workers.commands.fx import load, status
from workers.database import Connection
from workers.ecb import parse

Given = Callable[..., list[dict[str, Any]]]
TABLE = "SELECT day, base, currency, rate, provider, revision FROM fx_rates ORDER BY day, currency"


def send(pipeline: Pipeline, content: bytes) -> fx_load.Difference:
    """Load a file as the command does, and drain."""
    found = fx_load.difference(pipeline.database, parse(content))
    list(fx_load.append(pipeline.settings, [*found.new, *found.changed]))
    pipeline.run()
    return found


def told(found: fx_load.Difference) -> tuple[int, int, int]:
    return len(found.new), len(found.changed), found.known


def test_a_file_becomes_a_row_a_day_and_currency(pipeline: Pipeline, database: Connection) -> None:
    send(pipeline, HISTORY)
    rows = database.execute(TABLE).fetchall()
    assert 9 == len(rows)
    assert {
        "day": date(2022, 3, 1),
        "base": "eur",
        "currency": "jpy",
        "rate": Decimal("128.3"),
        "provider": "ecb",
        "revision": 1,
    } == rows[0]


def test_a_file_that_is_loaded_twice_changes_nothing(pipeline: Pipeline) -> None:
    assert (3, 0, 0) == told(send(pipeline, HISTORY))
    tables = pipeline.tables()
    assert (0, 0, 3) == told(send(pipeline, HISTORY))
    assert tables == pipeline.tables()
    assert 3 == len(pipeline.rows("events"))


def test_a_file_that_is_loaded_again_before_the_first_is_drained_changes_nothing(pipeline: Pipeline) -> None:
    first = fx_load.difference(pipeline.database, parse(HISTORY))
    for _ in range(2):
        list(fx_load.append(pipeline.settings, first.new))
    assert 3 == pipeline.run()


def test_a_correction_replaces_the_day_and_one_of_the_correction_does(pipeline: Pipeline) -> None:
    wrong = HISTORY.replace(b"1.0824", b"10.824")
    for content in (HISTORY, wrong, HISTORY, wrong, HISTORY):
        send(pipeline, content)
    [row] = [
        each for each in pipeline.rows("fx_rates") if (each["currency"], each["id"]) == ("usd", "2026-11-24")
    ]
    assert (Decimal("1.0824"), 5) == (row["rate"], row["revision"])


def test_what_a_file_leaves_out_stays(pipeline: Pipeline) -> None:
    send(pipeline, HISTORY)
    assert (0, 1, 0) == told(send(pipeline, b"Date,USD,\n2026-11-24,1.0825,\n"))
    rates = {
        each["currency"]: each["rate"] for each in pipeline.rows("fx_rates") if each["id"] == "2026-11-24"
    }
    assert {"usd": Decimal("1.0825"), "jpy": Decimal("157.3"), "kwd": Decimal("0.3321")} == rates


@pytest.mark.parametrize("events", list(permutations(corrected()[-3:])))
def test_loads_of_one_day_are_in_one_order_whichever_way_they_came(given: Given, events: Any) -> None:
    rows = given("fx_rates", *events)
    assert {("usd", Decimal("1.08")), ("jpy", Decimal("157.5")), ("chf", Decimal("0.94"))} <= {
        (row["currency"], row["rate"]) for row in rows if row["id"] == "2026-11-23"
    }


@for_all(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=5))
def test_the_revision_decides_and_then_the_time_of_loading(drawn: list[tuple[int, int, int]]) -> None:
    events = [
        loaded("2026-11-23", {"usd": str(rate)}, revision=revision, at=1_790_000_000 + at)
        for revision, at, rate in drawn
    ]
    ordered = order(events)
    assert [event.raw for event in ordered] == [event.raw for event in order(reversed(events))]
    assert max(revision for revision, _, _ in drawn) == ordered[-1].object["revision"]


@pytest.mark.parametrize(
    "rates", [{"usd": 1.08}, {"usd": "0"}, {"usd": "-1"}, {"usd": "NaN"}, {"usd": "Infinity"}]
)
def test_what_is_no_rate_is_a_dead_letter_and_no_rate(pipeline: Pipeline, rates: Any) -> None:
    pipeline.deliver(loaded("2026-11-24", rates))
    pipeline.run()
    assert ([], 1) == (pipeline.rows("fx_rates"), len(pipeline.rows("dead_letters")))


def test_the_command_tells_what_it_did_and_the_status_what_there_is(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    file = tmp_path / "eurofxref-hist.csv"
    file.write_bytes(HISTORY)
    assert "No rates are loaded" in run(status, pipeline.settings).output
    assert "3 days from 2022-03-01 to 2026-11-24: 3 new, 0 changed, 0 known already." in said(
        pipeline, str(file)
    )
    file.write_bytes(DAY)
    assert "1 days from 2026-11-25 to 2026-11-25: 1 new" in said(pipeline, str(file))
    shown = run(status, pipeline.settings).output
    assert "4 days from 2022-03-01 to 2026-11-25." in shown
    assert "working days have no rates" in shown
    assert "2022-03-02 to 2026-11-20 (" in shown
    assert '"currency": "usd"' in run(status, pipeline.settings, "--json").output


def test_a_wrong_file_sends_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_bytes(HISTORY + b"2022-02-28,x,1,1,1,\n")
    result = run(load, pipeline.settings, str(file))
    assert "line 5: USD is 'x', which is no rate" in str(result.exception)
    assert 0 == pipeline.run()


def said(pipeline: Pipeline, file: str) -> str:
    """What a load says; it waits for the drain, which is run beside it."""
    done = Event()

    def drain() -> None:
        while not done.wait(0.02):
            pipeline.run()

    beside = Thread(target=drain)
    beside.start()
    try:
        result = run(load, pipeline.settings, file)
    finally:
        done.set()
        beside.join()
    assert 0 == result.exit_code, result.exception
    return result.output


def run(command: Any, settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, obj=settings)


RATE = "SELECT * FROM fx_rate(%s, %s, %s)"


FOUND: list[tuple[str, str, str, Decimal | None, str | None]] = [
    ("eur", "usd", "2026-11-24", Decimal("1.0824"), "2026-11-24"),
    ("USD", "EUR", "2026-11-24", 1 / Decimal("1.0824"), "2026-11-24"),
    ("usd", "jpy", "2026-11-23", 157 / Decimal("1.08"), "2026-11-23"),
    ("usd", "jpy", "2026-11-29", Decimal("157.3") / Decimal("1.0824"), "2026-11-24"),
    ("rub", "usd", "2026-11-24", Decimal("1.1162") / Decimal("117.201"), "2022-03-01"),
    ("kwd", "rub", "2026-11-24", None, None),
    ("usd", "jpy", "2022-02-28", None, None),
    ("usd", "twd", "2026-11-24", None, None),
    ("usd", "usd", "1990-01-01", Decimal(1), "1990-01-01"),
]


def test_a_rate_is_of_the_day_or_the_last_before_it_and_of_one_day(
    pipeline: Pipeline, database: Connection
) -> None:
    send(pipeline, HISTORY)
    for currency, target, on_date, rate, of in FOUND:
        [found] = database.execute(RATE, [currency, target, on_date]).fetchall()
        assert of == (found["rate_date"] and str(found["rate_date"]))
        if rate is None or found["rate"] is None:
            assert rate is found["rate"]
        else:
            assert abs(rate - found["rate"]) < Decimal("1e-18")
            assert found["rate"] == round(found["per_target"] / found["per_currency"], 20)


def test_sql_has_the_decimals_of_stripes_table(database: Connection) -> None:
    known = money.ZERO_DECIMAL | money.TWO_DECIMAL | money.THREE_DECIMAL | money.HUNDREDFOLD
    rows = database.execute(
        "SELECT chr(a) || chr(b) || chr(c) AS code, currency_decimals(chr(a) || chr(b) || chr(c)) AS decimals"
        " FROM generate_series(97, 122) AS a, generate_series(97, 122) AS b, generate_series(97, 122) AS c"
    ).fetchall()
    found = {row["code"]: row["decimals"] for row in rows if row["decimals"] is not None}
    assert {code: money.decimals_of(code) for code in known} == found


def test_amounts_are_rounded_half_to_even(database: Connection) -> None:
    whole = {"0.5": 0, "1.5": 2, "2.5": 2, "-0.5": 0, "-1.5": -2, "-2.5": -2, "2.500001": 3, "7": 7}
    rows = database.execute("SELECT half_even(n) FROM unnest(%s::numeric[]) AS n", [list(whole)]).fetchall()
    assert list(whole.values()) == [row["half_even"] for row in rows]


def test_the_provider_of_rates_is_no_stripe_account_and_makes_no_stack_a_test_stack(
    pipeline: Pipeline, database: Connection
) -> None:
    send(pipeline, HISTORY)
    assert [] == database.execute("SELECT * FROM stripe_accounts").fetchall()
    assert {"default_livemode": True} == database.execute("SELECT default_livemode()").fetchone()
