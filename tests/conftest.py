"""Real servers for the tests: one Valkey and one Postgres a session, a name space of its own a test."""

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier
from redis import Redis

from ingest.settings import Settings
from tests.pipeline import Delivery, Pipeline
from workers.database import Connection, apply_schema, connect
from workers.servers.embedded import embedded


class Servers(Protocol):
    @property
    def redis_url(self) -> str: ...

    @property
    def database_url(self) -> str: ...


class GivenServers(NamedTuple):
    redis_url: str
    database_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """TEST_REDIS_URL and TEST_DATABASE_URL, or embedded servers that end with the session."""
    redis_url, database_url = os.environ.get("TEST_REDIS_URL"), os.environ.get("TEST_DATABASE_URL")
    if redis_url and database_url:
        yield GivenServers(redis_url, database_url)
        return
    with tempfile.TemporaryDirectory(prefix="hooklog-") as home, embedded(Path(home)) as running:
        yield GivenServers(redis_url or running.redis_url, database_url or running.database_url)


@pytest.fixture
def settings(servers: Servers) -> Iterator[Settings]:
    """A database schema and a log that no other test sees."""
    with namespace(servers) as settings:
        yield settings


@contextmanager
def namespace(servers: Servers) -> Iterator[Settings]:
    """A database schema, which is gone afterwards, and the name of a log."""
    name = f"test_{uuid4().hex[:12]}"
    with connect(servers.database_url) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
        connection.execute(SQL("SET search_path TO {}").format(Identifier(name)))
        apply_schema(connection)
        yield Settings.from_environment(
            {
                "REDIS_URL": servers.redis_url,
                "DATABASE_URL": with_search_path(servers.database_url, name),
                "LOG_PREFIX": name,
            }
        )
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    """An autocommit connection to the test's schema, with rows as dicts."""
    assert settings.database_url is not None
    with connect(settings.database_url) as connection:
        yield connection


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A client of the test's server; the keys of the test's log are gone afterwards."""
    assert settings.redis_url is not None
    with Redis.from_url(settings.redis_url) as client:
        yield client
        for key in client.scan_iter(f"*{settings.log_prefix}*", count=1000):
            client.unlink(key)


def with_search_path(url: str, schema: str) -> str:
    """`url` for connections that see `schema` alone; a conninfo string, which psycopg takes as well."""
    options = f"{conninfo_to_dict(url).get('options', '')} -csearch_path={schema}".strip()
    return make_conninfo(url, options=options)


@pytest.fixture
def pipeline(settings: Settings, database: Connection, redis: Redis) -> Iterator[Pipeline]:
    """The test's own log and database with a drain between them."""
    pipeline = Pipeline(settings, database, redis)
    yield pipeline
    pipeline.close()


@pytest.fixture
def given(pipeline: Pipeline) -> Callable[..., list[dict[str, Any]]]:
    """`given(table, *events)`: the table's rows once the events were delivered in this order and drained."""

    def rows(table: str, *events: Delivery) -> list[dict[str, Any]]:
        pipeline.deliver(*events)
        pipeline.run()
        return pipeline.rows(table)

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
