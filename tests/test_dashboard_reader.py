"""The dashboard's connection to Postgres: it reads, and can do nothing else."""

import asyncio

import psycopg
import pytest

from projections.dashboard.reader import Reader


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM payment_intents",
        "INSERT INTO configuration VALUES ('a', 'b')",
        "CREATE TABLE mine (n integer)",
        "UPDATE events SET payload = ''",
        "TRUNCATE payment_intents",
        "SELECT pg_advisory_lock(1) FROM (SELECT nextval('incidents_id_seq')) AS a",
    ],
)
def test_the_dashboards_connection_can_change_nothing_even_where_it_forgets_to_only_read(settings, change):
    async def ask(*queries):
        reader = Reader(settings.database_url)
        try:
            for query in queries:
                try:
                    await reader.rows(query)
                except psycopg.ProgrammingError as error:
                    if "no results to fetch" not in str(error) and "didn't produce" not in str(error):
                        raise
        finally:
            await reader.close()

    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
        asyncio.run(ask(change))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asyncio.run(ask("SET default_transaction_read_only = off", change))
