"""Real servers for the tests: one Valkey and one Postgres a session, a log and a database a test."""

import gc
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck
from hypothesis import settings as examples
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from redis import Redis

from ingest.settings import Settings
from tests.paying import APRIL, MARCH
from tests.pipeline import Delivery, Pipeline
from tests.web_process import UNHURRIED
from workers.command import hooklog
from workers.database import Connection, apply_schema, connect
from workers.servers.embedded import embedded
from workers.servers.home import Home

LONGEST = (
    *("test_up", "test_laws", "test_dashboard", "test_ledger_business", "test_faults", "test_readme"),
    *("test_creator_process", "test_dashboard_access", "test_life_in_a_browser", "test_endpoint_mutations"),
    *("test_demo", "test_observer_process", "test_payment_flow", "test_simulator", "test_rollups"),
)
"""The files that take longest: whoever began one last would keep the others waiting."""

MEMORY, ROOM = "/dev/shm", 4 * 1024**3

examples.register_profile(
    "any speed", examples(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
examples.load_profile("any speed")


@pytest.fixture(scope="module", autouse=True)
def kept() -> Iterator[None]:
    """What a module leaves for others, as a simulated business, is not searched for garbage ever again."""
    yield
    gc.collect()
    gc.freeze()


class Servers(NamedTuple):
    """Where the session's servers are, and the name of a database that has the schema, to be copied."""

    redis_url: str
    database_url: str
    template: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """TEST_REDIS_URL and TEST_DATABASE_URL, or embedded servers that end with the session."""
    redis_url, database_url = os.environ.get("TEST_REDIS_URL"), os.environ.get("TEST_DATABASE_URL")
    if redis_url and database_url:
        with template(database_url) as name:
            yield Servers(redis_url, database_url, name)
        return
    clear(Path(MEMORY))
    where = tempfile.TemporaryDirectory(prefix="hooklog-", dir=memory())
    with where as home, embedded(Path(home)) as running:
        database_url = database_url or running.database_url
        with template(database_url) as name:
            yield Servers(redis_url or running.redis_url, database_url, name)


def clear(directory: Path) -> None:
    """Remove the homes that killed runs left: those that were locked once, and that no process holds."""
    for lock in directory.glob("hooklog-*/lock"):
        with suppress(OSError):  # another run clears it, too, or it is another user's
            if lock.read_text() and not Home(lock.parent).locked():
                shutil.rmtree(lock.parent, ignore_errors=True)


def memory() -> str | None:
    """A directory in memory, if there is one with room: what needs a disk has servers of its own."""
    try:
        return MEMORY if shutil.disk_usage(MEMORY).free >= ROOM and os.access(MEMORY, os.W_OK) else None
    except FileNotFoundError:
        return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all others as they are."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


@contextmanager
def template(database_url: str) -> Iterator[str]:
    """The name of a database with the schema: to copy it costs a quarter of applying schema.sql."""
    with fresh_database(database_url) as name:
        with connect(named(database_url, name)) as connection:
            apply_schema(connection)
        yield name


@contextmanager
def fresh_database(database_url: str, template: str = "template1") -> Iterator[str]:
    """The name of a copy of `template`, which is gone afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    copy, original = Identifier(name), Identifier(template)
    with connect(database_url) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, original))
        yield name
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(copy))


def named(database_url: str, name: str) -> str:
    """`database_url` for the database `name`."""
    return make_conninfo(database_url, dbname=name)


@pytest.fixture
def settings(servers: Servers) -> Iterator[Settings]:
    """A database and a log that no other test sees."""
    with namespace(servers) as settings:
        yield settings


@contextmanager
def namespace(servers: Servers) -> Iterator[Settings]:
    """A database with the schema, which is gone afterwards, and the name of a log."""
    with fresh_database(servers.database_url, servers.template) as name:
        yield Settings.from_environment(
            {
                "REDIS_URL": servers.redis_url,
                "DATABASE_URL": named(servers.database_url, name),
                "LOG_PREFIX": name,
                **UNHURRIED,
            }
        )


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    """An autocommit connection to the test's schema, with rows as dicts."""
    assert settings.database_url is not None
    with connect(settings.database_url) as connection:
        yield connection


@pytest.fixture
def connection(settings: Settings) -> Iterator["psycopg.Connection[Any]"]:
    """One as a process has it: autocommit, rows as tuples."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`run("query", …)`: a command, on the test's database by the rights of its owner."""
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.delenv("ANALYST_DATABASE_URL", raising=False)
    return lambda *arguments, **given: CliRunner().invoke(hooklog, arguments, **given)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A client of the test's server; the keys of the test's log are gone afterwards."""
    assert settings.redis_url is not None
    with Redis.from_url(settings.redis_url) as client:
        yield client
        forget(client, settings.log_prefix)


def forget(redis: Redis, log_prefix: str) -> None:
    """Remove a log's keys."""
    for key in redis.scan_iter(f"*{log_prefix}*", count=1000):
        redis.unlink(key)


@pytest.fixture
def pipeline(settings: Settings, database: Connection, redis: Redis) -> Iterator[Pipeline]:
    """The test's own log and database with a drain between them."""
    pipeline = Pipeline(settings, database, redis)
    yield pipeline
    pipeline.close()


@contextmanager
def own_pipeline(servers: Servers) -> Iterator[Pipeline]:
    """As the fixture, for a module whose tests only read what one of them would have to make anew."""
    with (
        namespace(servers) as settings,
        connect(str(settings.database_url)) as database,
        Redis.from_url(str(settings.redis_url)) as redis,
    ):
        pipeline = Pipeline(settings, database, redis)
        yield pipeline
        pipeline.close()
        forget(redis, settings.log_prefix)


@pytest.fixture
def given(pipeline: Pipeline) -> Callable[..., list[dict[str, Any]]]:
    """`given(table, *events)`: the table's rows once the events were delivered in this order and drained."""

    def rows(table: str, *events: Delivery) -> list[dict[str, Any]]:
        pipeline.deliver(*events)
        pipeline.run()
        return pipeline.rows(table)

    return rows


@pytest.fixture
def metrics(pipeline: Pipeline, database: Connection) -> Callable[..., list[dict[str, Any]]]:
    """`metrics(*events, since=…, until=…, …)`: the rows of payment_metrics, or of another `of` these."""

    def rows(*events: Any, of: str = "payment_metrics", **asked: Any) -> list[dict[str, Any]]:
        pipeline.deliver(*events)
        pipeline.run()
        asked = {"since": MARCH, "until": APRIL, **asked}
        arguments = ", ".join(f'"{name}" => %({name})s' for name in asked)
        return database.execute(f"SELECT * FROM {of}({arguments})", asked).fetchall()

    return rows


@pytest.fixture
def covered(request: pytest.FixtureRequest) -> Callable[[str, set[str]], None]:
    """Name the event types that a law covered for a projection; a law that covered none fails."""

    def cover(projection: str, types: set[str]) -> None:
        assert types, f"no event of the sample is of an object that {projection} reads"
        request.node.user_properties.append(("covered", [projection, sorted(types)]))

    return cover


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    covered: defaultdict[str, set[str]] = defaultdict(set)
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "covered":
                covered[value[0]].update(value[1])
    if covered:
        terminalreporter.section("event types that the laws covered")
    for projection, types in sorted(covered.items()):
        terminalreporter.line(f"{projection}: {', '.join(sorted(types))}")
