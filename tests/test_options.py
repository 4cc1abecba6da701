"""What analysts may write into the functions' parameters, one sentence for all functions that have them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import InvalidParameterValue

from tests.conftest import Servers, own_pipeline
from tests.pipeline import Pipeline, delivered
from tests.revenue import ask
from workers.simulator import simulate

HAVING = """
SELECT proname AS name, array_to_string(proargnames[1:pronargs], ' ') AS parameters FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND proretset AND pronargdefaults > 0
    AND %s = ANY (proargnames[1:pronargs])
ORDER BY proname
"""
"""Those that are for people: what only other functions call has no defaults."""


@pytest.fixture(scope="module")
def told(servers: Servers) -> Iterator[Pipeline]:
    """Of everything there is something in euros."""
    events = simulate(seed=4, payments=30, subscriptions=30, days=120).events
    with own_pipeline(servers) as pipeline:
        pipeline.deliver(*(delivered(event, "my_shop") for event in events))
        pipeline.run()
        yield pipeline


def asked(pipeline: Pipeline, function: dict[str, Any], **changed: Any) -> list[dict[str, Any]]:
    """A function's rows over all that happened."""
    [range_] = pipeline.database.execute(
        "SELECT min(created_at) AS since, max(created_at) AS until FROM events"
    ).fetchall()
    given = {**range_, "instant": range_["until"] - timedelta(days=30), "target": "eur", **changed}
    names = [*function["parameters"].split(), *changed]
    return ask(pipeline, function["name"], **{name: given[name] for name in names if name in given})


def functions(pipeline: Pipeline, parameter: str) -> list[dict[str, Any]]:
    found = pipeline.database.execute(HAVING, [parameter]).fetchall()
    assert found
    return found


def test_a_currency_may_be_written_in_capitals(told):
    for function in functions(told, "currency"):
        with told.database.transaction():  # so that it is one instant for both
            small = asked(told, function, currency="eur")
            assert small, function["name"]
            assert small == asked(told, function, currency="EUR"), function["name"]


def test_so_may_the_one_that_figures_are_converted_into(told):
    for function in functions(told, "target"):
        with told.database.transaction():
            assert asked(told, function) == asked(told, function, target="EUR"), function["name"]


def test_a_source_may_be_written_as_in_the_address_of_its_webhooks(told):
    for function in functions(told, "source"):
        with told.database.transaction():
            assert asked(told, function) == asked(told, function, source="My-Shop"), function["name"]


def test_a_range_that_ends_before_it_begins_is_refused(told):
    for function in functions(told, "since"):
        with pytest.raises(InvalidParameterValue, match="until is before since"):
            asked(told, function, until="2001-01-01")
