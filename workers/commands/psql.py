"""`hooklog psql`: the query tool that the embedded Postgres brings, on the right database."""

import os

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from workers.servers.postgres import binary
from workers.stack import settings_in_use


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Query the database: an interactive psql, or pass it ARGUMENTS, as -c 'SELECT count(*) FROM events'."""
    url = settings_in_use().database_url
    assert url
    parts = conninfo_to_dict(url)
    # Other users can read a command line, but not an environment.
    password = parts.pop("password", None)
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    program = str(binary("psql"))
    os.execve(program, [program, "--dbname", make_conninfo("", **parts), *arguments], environment)  # noqa: S606
