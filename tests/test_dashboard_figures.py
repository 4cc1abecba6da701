"""The dashboard's figures as data, against what the schema offers."""

import pytest

from projections.dashboard.figure import Figure
from projections.dashboard.sections import FIGURES
from workers.database import Connection


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_a_figure_says_how_much_of_it_is_incomplete_where_its_function_does(
    figure: Figure, database: Connection
) -> None:
    told = database.execute(
        "SELECT FROM pg_proc WHERE proname = %s AND 'incomplete' = ANY(proargnames)", [figure.function]
    ).rowcount
    assert bool(told) == ("incomplete" in figure.incomplete)
    assert set(figure.incomplete) <= {column.name for column in figure.columns}
