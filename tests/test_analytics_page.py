"""The examples of docs/analytics.md run, for an analyst."""

import re
from pathlib import Path

import pytest

from tests.pipeline import Pipeline
from tests.revenue import begins, happen, of

PAGE = (Path(__file__).parent.parent / "docs" / "analytics.md").read_text()
EXAMPLES = [
    line for block in re.findall(r"^```sql\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()
]


@pytest.fixture
def analyst(pipeline: Pipeline) -> Pipeline:
    happen(pipeline, begins("cus_1", of(10_00)))
    pipeline.database.execute("SET ROLE hooklog_analyst")
    return pipeline


def test_every_example_of_the_page_runs_with_an_analysts_rights(analyst: Pipeline) -> None:
    assert len(EXAMPLES) > 10
    for example in EXAMPLES:
        analyst.database.execute(example.encode()).fetchall()
