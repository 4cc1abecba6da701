"""Columns: arrays that arrive in Postgres as they were."""

import pytest

from projections.columns import columns
from workers.database import Connection

ODD = [
    "",
    " ",
    'quo"ted',
    "back\\slash",
    "{brace}",
    "a,b",
    "NULL",
    "null",
    "new\nline",
    "\u00e9\U0001f600",
    "%s",
]


def test_whatever_a_string_holds_it_arrives(database: Connection) -> None:
    row = database.execute("SELECT %s::text[] AS told", columns((each,) for each in ODD)).fetchone()
    assert row == {"told": ODD}


def test_numbers_truths_and_nothing_arrive_in_their_columns(database: Connection) -> None:
    rows = [(1, True, "a"), (-(2**62), False, None), (None, None, "b")]
    told = database.execute(
        "SELECT * FROM unnest(%s::bigint[], %s::boolean[], %s::text[]) AS told (a, b, c)", columns(rows)
    ).fetchall()
    assert [tuple(each.values()) for each in told] == rows


def test_what_is_no_element_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        columns([(1.5,)])
