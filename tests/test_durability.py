"""What would lose events is refused by its name, with the remedy, unless that is what one wants."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from psycopg.conninfo import make_conninfo
from redis import Redis

from ingest.durability import ServerFacts, Undurable, bounds, refuse_undurable, warnings
from ingest.settings import Settings
from workers import durability
from workers.database import connect
from workers.readiness import Unreachable, check_redis, prepare_database
from workers.servers.embedded import Embedded, embedded
from workers.servers.server import Server


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Servers that the tests of this module may start with other settings."""
    with embedded(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def facts(own: Embedded) -> ServerFacts:
    return facts_of(own.redis_url)


def facts_of(url: str) -> ServerFacts:
    with Redis.from_url(url) as redis:
        return ServerFacts.ask_now(redis)


@contextmanager
def started_with(server: Server, setting: str, value: str) -> Iterator[Server]:
    usual = server.settings[setting]
    server.stop()
    server.settings[setting] = value
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.settings[setting] = usual
        server.start()


def settings(own: Embedded, **environment: str) -> Settings:
    given = {"REDIS_URL": own.redis_url, "DATABASE_URL": own.database_url}
    return Settings.from_environment(given | environment)


@pytest.mark.parametrize(
    ("setting", "value", "refusal"),
    [
        ("appendonly", "no", r"appendonly is 'no'.*CONFIG SET appendonly yes"),
        ("appendfsync", "everysec", r"appendfsync is 'everysec'.*CONFIG SET appendfsync always"),
        ("appendfsync", "no", r"appendfsync is 'no'.*CONFIG SET appendfsync always"),
        ("maxmemory-policy", "allkeys-lru", r"policy is 'allkeys-lru'.*CONFIG SET .* noeviction"),
        ("maxmemory-policy", "volatile-ttl", r"policy is 'volatile-ttl'.*CONFIG SET .* noeviction"),
        ("maxmemory", "0", r"maxmemory is 0.*CONFIG SET maxmemory"),
    ],
)
def test_a_redis_that_may_lose_events_is_refused(
    own: Embedded, setting: str, value: str, refusal: str
) -> None:
    with started_with(own.valkey, setting, value) as server, pytest.raises(Undurable, match=refusal):
        refuse_undurable(facts_of(server.url))


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
def test_a_postgres_that_may_lose_events_is_refused(own: Embedded, setting: str) -> None:
    with (
        started_with(own.postgres, setting, "off") as server,
        connect(server.url) as connection,
        pytest.raises(Undurable, match=f"{setting} is 'off'.*ALTER SYSTEM SET {setting} = on"),
    ):
        durability.refuse_undurable(connection)


def test_a_url_that_turns_durability_off_is_refused_too(own: Embedded) -> None:
    url = make_conninfo(own.database_url, options="-csynchronous_commit=off")
    with connect(url) as connection, pytest.raises(Undurable, match=r"take it out of .* DATABASE_URL"):
        durability.refuse_undurable(connection)


def test_every_fault_is_named_at_once(facts: ServerFacts) -> None:
    worst = replace(facts, version=(6, 0, 16), aof_enabled=False, maxmemory=0)
    with pytest.raises(Undurable, match=r"6\.0\.16 is too old: use Redis 6\.2.*appendonly.*maxmemory"):
        refuse_undurable(worst)


def test_a_postgres_that_is_too_old_is_refused(own: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "OLDEST", 990000)
    with connect(own.database_url) as connection, pytest.raises(Undurable, match="PostgreSQL 18 is too old"):
        durability.refuse_undurable(connection)


def test_bounds_that_leave_rq_nothing_are_refused(facts: ServerFacts) -> None:
    greedy = Settings(log_max_bytes=int(facts.maxmemory * 0.75))
    with pytest.raises(Undurable, match=r"leave RQ too little of maxmemory.*lower them, or raise maxmemory"):
        bounds(facts, greedy)


def test_what_a_server_does_not_show_is_a_warning(own: Embedded) -> None:
    with Redis.from_url(own.redis_url) as redis:
        redis.execute_command("ACL", "SETUSER", "guest", "on", ">guest", "~*", "&*", "+@all", "-config")
    facts = facts_of(f"redis://guest:guest@127.0.0.1:{own.valkey.port}/0")
    refuse_undurable(facts)
    [warning] = warnings(facts)
    assert "Redis does not show its settings" in warning
    assert "make sure that appendfsync is 'always' and maxmemory-policy 'noeviction'" in warning


def test_what_is_shown_leaves_no_warning(facts: ServerFacts) -> None:
    assert [] == warnings(facts)


def test_the_log_may_take_three_fifths_of_memory_and_duplicates_one(
    own: Embedded, facts: ServerFacts
) -> None:
    assert (facts.maxmemory * 6 // 10, facts.maxmemory * 2 // 10) == bounds(facts, settings(own))
    assert (7, 5) == bounds(facts, settings(own, LOG_MAX_BYTES="7", DEDUPE_MAX_BYTES="5"))


def test_a_start_is_refused_unless_events_may_be_lost_on_purpose(own: Embedded) -> None:
    with started_with(own.valkey, "appendfsync", "everysec"):
        with pytest.raises(Undurable, match="ALLOW_UNDURABLE=1"):
            check_redis(settings(own))
        assert [] == check_redis(settings(own, ALLOW_UNDURABLE="1"))
    with started_with(own.postgres, "fsync", "off"):
        with pytest.raises(Undurable, match="ALLOW_UNDURABLE=1"):
            prepare_database(settings(own))
        prepare_database(settings(own, ALLOW_UNDURABLE="1"))


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/hooklog"),
        ("DATABASE_URL", "postgresql://127.0.0.1/hooklog?nonsense=1"),
    ],
)
def test_a_server_that_is_not_there_is_named_by_its_variable(own: Embedded, variable: str, url: str) -> None:
    check = check_redis if variable == "REDIS_URL" else prepare_database
    with pytest.raises(Unreachable, match=f"{variable} cannot be used"):
        check(settings(own, **{variable: url}))
