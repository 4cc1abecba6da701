"""`./run dictionary`: all that analysts may read, in the database's own words."""

import json
from collections.abc import Callable

from click.testing import Result

from ingest.settings import Settings
from workers.analyst import reading
from workers.database import Connection
from workers.dictionary import entries, undescribed

Run = Callable[..., Result]


def test_everything_that_can_be_read_is_described(settings: Settings) -> None:
    with reading(settings) as connection:
        found = entries(connection)
    assert {"table", "view", "function"} == {entry.kind for entry in found}
    assert [] == undescribed(found)


def test_it_has_what_analysts_may_read_and_nothing_else(run: Run) -> None:
    names = {entry["name"] for entry in json.loads(run("dictionary", "--json").output)}
    assert {"payments", "fx_rates", "fx_rate", "mrr_movements"} <= names
    assert not names & {"heads", "configuration", "outbox"}


def test_one_entry_has_its_columns_parameters_and_types(run: Run) -> None:
    shown = run("dictionary", "fx_rate").output
    for part in ("fx_rate(currency, target, on_date)", "Parameters", "on_date", "date", "rate_date"):
        assert part in shown
    assert "amount" in run("dictionary", "payments").output


def test_a_function_that_gives_a_views_rows_has_that_views_columns(run: Run) -> None:
    [found] = json.loads(run("dictionary", "user_access_as_of", "--json").output)
    meanings = {column["name"]: column["meaning"] for column in found["columns"]}
    assert meanings["has_access"] == "Whether the user is to be let in."


def test_an_unknown_name_is_answered_with_what_is_like_it(run: Run) -> None:
    assert "fx_rates, fx_rate" in run("dictionary", "fx_r").output
    assert "there are: payments" in run("dictionary", "paymnets").output
    assert 1 == run("dictionary", "heads").exit_code


def test_it_is_told_by_the_comments_of_this_moment(run: Run, database: Connection) -> None:
    database.execute("COMMENT ON TABLE fx_rates IS 'What a | euro\nwas_worth.'")
    assert "What a | euro" in run("dictionary", "fx_rates").output
    assert "### fx_rates\n\nWhat a \\| euro was\\_worth." in run("dictionary", "--markdown").output


def test_markdown_has_a_table_of_each_entrys_columns(run: Run) -> None:
    lines = run("dictionary", "--markdown").output.splitlines()
    assert ["# Data dictionary", "## Tables", "## Views", "## Functions"] == [
        line for line in lines if line.startswith(("# ", "## "))
    ]
    assert (
        "| `rate` | numeric | How much of currency one unit of base costs, in major units of both; exact. |"
        in lines
    )
