"""Before anything starts: the servers are there, keep what they are given, and know the schema."""

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from ingest import durability
from ingest.durability import ServerFacts
from ingest.refusal import Refusal
from ingest.settings import Settings
from workers import access_grace, checkpoints
from workers.database import apply_schema, ensure_schema
from workers.durability import refuse_undurable

CONNECT_SECONDS = 10


class Unreachable(Refusal):
    """A server that the environment names does not answer."""


def check_redis(settings: Settings) -> list[str]:
    """Refuse a Redis that may lose events; returns warnings, a sentence each."""
    assert settings.redis_url
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=CONNECT_SECONDS, retry=None) as redis:
            facts = ServerFacts.ask_now(redis)
    except (RedisError, ValueError) as error:  # not there, or no URL at all
        raise Unreachable(f"REDIS_URL cannot be used: {error}") from error
    if not settings.allow_undurable:
        durability.refuse_undurable(facts)
    durability.bounds(facts, settings)
    return durability.warnings(facts)


def prepare_database(settings: Settings, *, anew: bool = False) -> None:
    """Refuse a Postgres that may lose events; apply the schema where it changed, or `anew` in any case."""
    assert settings.database_url
    try:
        connection = psycopg.connect(settings.database_url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:  # not there, or no URL at all
        raise Unreachable(f"DATABASE_URL cannot be used: {str(error).strip()}") from error
    with connection:
        if not settings.allow_undurable:
            refuse_undurable(connection)
        (apply_schema if anew else ensure_schema)(connection)
        checkpoints.begin(connection, settings.log_partitions)
        access_grace.remember(connection, settings)
