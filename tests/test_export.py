"""`./run export`: whole files, of the right types, in three formats."""

import json
import signal
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from ingest.settings import Settings
from tests.events import NOW, customer, event
from tests.fx import HISTORY
from tests.pipeline import Pipeline
from tests.running import started
from tests.web_process import PATIENCE, until
from workers import fx_load, parquet
from workers.analyst import reading
from workers.database import Connection
from workers.ecb import parse
from workers.result import Result as Rows

Run = Callable[..., Result]

NAMES = ('=HYPERLINK("http://evil")', "-5", "+49 30", "@sum", 'Ada, "Lady"', "\tx", "\uff1d1+1", "\n=1")


@pytest.fixture
def run(run: Run, settings: Settings, pipeline: Pipeline) -> Run:
    """`run(…)` exports from a database of eight customers and three days of rates."""
    pipeline.deliver(
        *(
            event("customer.created", customer(id=f"cus_{n}", name=name, created=NOW + n, balance=-n))
            for n, name in enumerate(NAMES)
        )
    )
    list(fx_load.append(settings, [(told, 1) for told in parse(HISTORY)]))
    pipeline.run()
    return lambda *arguments: run("export", *arguments)


def exported(result: Result) -> str:
    assert 0 == result.exit_code, (result.output, result.exception)
    return result.stdout


def test_csv_is_what_the_table_holds(run: Run, database: Connection) -> None:
    lines = exported(run("fx_rates", "--where", "currency = 'usd'")).splitlines()
    assert "account,livemode,id,currency,day,base,rate,provider,revision,source,updated_at,stale" == lines[0]
    assert 4 == len(lines)
    assert any(line.startswith("ecb,f,2026-11-24,usd,2026-11-24,eur,1.0824,ecb,1,fx,") for line in lines)


def test_csv_for_spreadsheets_has_no_formulas_and_other_csv_is_untouched(run: Run) -> None:
    faithful = exported(run("customers", "--since", "2020-01-01"))
    assert '"=HYPERLINK(""http://evil"")"' in faithful
    harmless = exported(run("customers", "--spreadsheet"))
    for cell in (
        '"\'=HYPERLINK(""http://evil"")"',
        "'-5",
        "'+49 30",
        "'@sum",
        "'\tx",
        "'\uff1d1+1",
        "'\n=1",
        '"Ada, ""Lady"""',
    ):
        assert cell in harmless
    assert ",-3," in harmless  # a number is none


def test_json_is_an_object_a_line(run: Run) -> None:
    rows = [json.loads(line) for line in exported(run("customers", "--format", "json")).splitlines()]
    assert sorted(NAMES) == sorted(row["name"] for row in rows)


def test_since_and_until_are_of_the_rows_own_time(run: Run) -> None:
    assert 4 == len(exported(run("fx_rates", "--since", "2026-11-24")).splitlines())
    assert 4 == len(exported(run("fx_rates", "--until", "2026-11-01")).splitlines())
    assert "has none of created_at" in run("subscription_access", "--since", "2026-01-01").output


def test_a_range_that_ends_before_it_begins_is_refused(run: Run) -> None:
    result = run("payments", "--since", "2026-01-02", "--until", "2026-01-01")
    assert (2, True) == (result.exit_code, "--until is before --since" in result.output)


def test_a_functions_rows_are_exported_by_its_call(run: Run) -> None:
    assert "rate,rate_date" in exported(run("fx_rate('usd', 'jpy', '2026-11-24')"))
    assert "write it as fx_rate(currency, target, on_date)" in run("fx_rate").output
    assert "customers is a table" in run("customers('a')").output


@pytest.mark.parametrize("what", ["heads", "pg_authid", "customers; DROP TABLE customers", "nonsense", ""])
def test_nothing_else_is_exported(run: Run, what: str) -> None:
    result = run(what)
    assert (1, True) == (result.exit_code, "nothing that analysts may read is called" in result.output)


def test_parquet_has_the_types_of_the_columns(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "customers.parquet"
    exported(run("customers", "--format", "parquet", "--output", str(file)))
    table = pq.read_table(file)
    assert {
        "id": pa.string(),
        "balance": pa.int64(),
        "deleted": pa.bool_(),
        "metadata": pa.string(),
        "created_at": pa.timestamp("us", tz="UTC"),
    } == {
        name: table.schema.field(name).type for name in ("id", "balance", "deleted", "metadata", "created_at")
    }
    [row] = [row for row in table.to_pylist() if row["id"] == "cus_3"]
    assert ("@sum", -3, datetime.fromtimestamp(NOW + 3, UTC)) == (
        row["name"],
        row["balance"],
        row["created_at"],
    )


def test_parquet_keeps_decimals_days_and_arrays(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rates.parquet"
    exported(run("fx_rates", "--format", "parquet", "--output", str(file), "--where", "currency = 'usd'"))
    table = pq.read_table(file)
    assert (pa.decimal128(38, 20), pa.date32()) == (
        table.schema.field("rate").type,
        table.schema.field("day").type,
    )
    assert {(date(2026, 11, 24), Decimal("1.0824"))} <= {
        (row["day"], row["rate"]) for row in table.to_pylist()
    }
    exported(run("mrr_movements", "--format", "parquet", "--output", str(file)))
    assert pa.list_(pa.string()) == pq.read_schema(file).field("subscription_ids").type


def test_a_value_that_parquet_cannot_hold_is_named_and_leaves_no_file(
    run: Run, tmp_path: Path, database: Connection
) -> None:
    database.execute("UPDATE fx_rates SET rate = 1e30 WHERE currency = 'usd'")
    result = run("fx_rates", "--format", "parquet", "--output", str(tmp_path / "rates.parquet"))
    assert "rate (numeric) holds what decimal128(38, 20) does not" in result.output
    assert [] == list(tmp_path.iterdir())


def test_an_export_that_breaks_leaves_the_file_that_was_there(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("of yesterday")
    result = run("fx_rates", "--output", str(file), "--where", "1 / (revision - 1) = 0")
    assert "division by zero" in result.output
    assert ([file], "of yesterday") == (list(tmp_path.iterdir()), file.read_text())


def test_a_row_group_of_parquet_ends_before_it_is_too_large_for_memory(settings: Settings) -> None:
    file = BytesIO()
    sql = "SELECT repeat('x', 20 * 1024 * 1024) AS payload FROM generate_series(1, 5)"
    with reading(settings) as connection:
        written = list(parquet.write(Rows(connection, sql, parquet.AS_VALUES), file))
    assert (5, True) == (written[-1], pq.ParquetFile(file).num_row_groups > 1)


def test_parquet_has_what_it_has_no_type_for_in_the_words_of_the_server(settings: Settings) -> None:
    file = BytesIO()
    sql = "SELECT int4range(1, 3) AS range, '10.0.0.1'::inet AS place"
    with reading(settings) as connection:
        list(parquet.write(Rows(connection, sql, parquet.AS_VALUES), file))
    assert [{"range": "[1,3)", "place": "10.0.0.1"}] == pq.read_table(file).to_pylist()


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
@pytest.mark.skipif(
    not Path("/dev/full").is_char_device(), reason="only Linux has a disk that is always full"
)
def test_a_full_disk_is_a_sentence(run: Run, form: str) -> None:
    result = run("customers", "--format", form, "--output", "/dev/full")
    assert (1, True) == (result.exit_code, "/dev/full could not be written: No space left" in result.output)
    assert Path("/dev/full").is_char_device()


def test_parquet_on_standard_output_is_a_wrong_use(run: Run) -> None:
    assert (2, True) == (
        (result := run("customers", "--format", "parquet")).exit_code,
        "--output" in result.output,
    )
    assert 2 == run("customers", "--format", "json", "--spreadsheet").exit_code


def test_a_dash_is_standard_output(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert exported(run("customers", "--output", "-")).startswith("account,")
    assert 2 == run("customers", "--format", "parquet", "--output", "-").exit_code
    assert [] == list(tmp_path.iterdir())


def test_what_was_private_stays_private(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.touch(0o600)
    exported(run("customers", "--output", str(file)))
    assert (0o600, True) == (file.stat().st_mode & 0o777, file.stat().st_size > 0)


@pytest.mark.parametrize("name", ["missing/customers.csv", "file/customers.csv", "x" * 300])
def test_a_place_that_cannot_be_written_is_a_sentence(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    result = run("customers", "--output", str(tmp_path / name))
    assert (1, True) == (result.exit_code, result.output.startswith(f"Error: {tmp_path / name} could not be"))


def test_an_export_that_is_terminated_leaves_nothing(
    run: Run, settings: Settings, database: Connection, tmp_path: Path
) -> None:
    where = "pg_sleep(60) IS NULL"
    running = f"SELECT FROM pg_stat_activity WHERE query LIKE 'COPY%{where}%' AND state = 'active'"
    with started(
        "export", "customers", "--where", where, "--output", f"{tmp_path}/a", settings=settings
    ) as process:
        until(lambda: database.execute(running).rowcount == 1)
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert (128 + signal.SIGTERM, []) == (process.returncode, list(tmp_path.iterdir()))
