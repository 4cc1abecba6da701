"""`hooklog psql`: the query tool that the embedded Postgres brings, on the right database."""

import os

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest.settings import Settings
from workers.servers.postgres import binary


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(settings: Settings, arguments: tuple[str, ...]) -> None:
    """Query the database: an interactive psql, or pass it ARGUMENTS, as -c 'SELECT count(*) FROM events'."""
    assert settings.database_url
    parts = conninfo_to_dict(settings.database_url)
    # Other users can read a command line, but not an environment.
    password = parts.pop("password", None)
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    program = str(binary("psql"))
    os.execve(program, [program, "--dbname", make_conninfo("", **parts), *arguments], environment)  # noqa: S606
