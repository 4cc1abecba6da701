"""The README is run: its commands, its query, its example, and its table of settings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.event import Event
from ingest.settings import Settings
from projections.projection import Projection
from tests.running import Running
from workers.command import COMMANDS

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]

OF_A_RUNNING_STACK = ("demo", "psql", "query", "status")
"""`up` is the stack, `test` is this; the others are a process of a production each."""

SET_BY_OTHER_NAMES = {"webhook_secrets", "callbacks", "shops", "accounts", "prices"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("readme") / "home") as running:
        yield running


def arguments(line: str) -> list[str]:
    return shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize(
    "line", [line for line in SHELL if line.startswith("./run") and arguments(line)[0] in OF_A_RUNNING_STACK]
)
def test_a_command_of_the_readme_runs(running: Running, line: str) -> None:
    ran = running.hooklog(*arguments(line))
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ran.stdout.strip()


def test_every_command_that_is_shown_exists() -> None:
    shown = {arguments(line)[0] for line in SHELL if line.startswith("./run")}
    assert {"up", "test", *OF_A_RUNNING_STACK} <= shown <= set(COMMANDS)


def test_every_command_that_exists_is_in_the_table() -> None:
    table = README[README.index("### All commands") : README.index("## What to query")]
    assert [] == [name for name in COMMANDS if f"`{name}`" not in table and f"./run {name}" not in table]


def test_every_setting_is_in_the_table() -> None:
    fields = Settings.model_fields.keys() - SET_BY_OTHER_NAMES
    assert [] == [name for name in fields if f"`{name.upper()}`" not in README]


def test_the_example_of_a_projection_folds() -> None:
    [example] = [block for language, block in BLOCKS if language == "python"]
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    projection = names["PROJECTION"]
    assert isinstance(projection, Projection)
    event = Event.read(
        b'{"id":"evt_1","type":"coupon.created","created":1790000000,"data":{"object":'
        b'{"id":"TEN","object":"coupon","name":"Ten","duration":"once"}}}',
        source="default",
    )
    assert [{"name": "Ten", "duration": "once"}] == projection.rows([event], {})
