"""Before anything starts: both servers are there, keep what they are given, and know the schema."""

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from ingest import durability
from ingest.durability import ServerFacts
from ingest.refusal import Refusal
from ingest.settings import Settings
from workers import checkpoints
from workers.database import apply_schema
from workers.durability import refuse_undurable

CONNECT_SECONDS = 10


class Unreachable(Refusal):
    """A server that the environment names does not answer."""


def make_ready(settings: Settings) -> list[str]:
    """Check both servers and apply the schema; returns warnings, a sentence each. Raises Refusals."""
    facts = _redis_facts(settings)
    if not settings.allow_undurable:
        durability.refuse_undurable(facts)
    assert settings.database_url
    try:
        connection = psycopg.connect(settings.database_url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:  # not there, or no URL at all
        raise Unreachable(f"DATABASE_URL cannot be used: {str(error).strip()}") from error
    with connection:
        if not settings.allow_undurable:
            refuse_undurable(connection)
        apply_schema(connection)
        checkpoints.begin(connection, settings.log_partitions)
    return durability.warnings(facts)


def _redis_facts(settings: Settings) -> ServerFacts:
    assert settings.redis_url
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=CONNECT_SECONDS, retry=None) as redis:
            return ServerFacts.ask_now(redis)
    except (RedisError, ValueError) as error:  # not there, or no URL at all
        raise Unreachable(f"REDIS_URL cannot be used: {error}") from error
