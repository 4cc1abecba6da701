"""`hooklog incidents`: ranges in which events may be missing, and saying that none are any more."""

import click
import psycopg

from ingest.refusal import Refusal
from ingest.settings import Settings

_OPEN = """
SELECT id, detected_at, partition, kind, doubt_since, doubt_until
FROM incidents WHERE resolved_at IS NULL ORDER BY id
"""
_RESOLVE = "UPDATE incidents SET resolved_at = now() WHERE id = %s AND resolved_at IS NULL"


class NoSuchIncident(Refusal):
    """Nothing is in doubt under that number: `./run incidents` lists what is."""


@click.group(invoke_without_command=True)
@click.pass_context
def incidents(context: click.Context) -> None:
    """List where the log and the checkpoint disagreed, so that events may be missing.

    Resend the range from Stripe (the dashboard does for 15 days, its CLI for 30), then resolve it here.
    """
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    assert settings.database_url
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute(_OPEN).fetchall()
    for number, detected, partition, kind, since, until in rows:
        begin = f"{since:%F %T}" if since else "the beginning"
        click.echo(
            f"{number}: {kind} (partition {partition}, found {detected:%F %T}); {begin} to {until:%F %T}"
        )
    click.echo(
        "Resend these ranges from Stripe, then: ./run incidents resolve NUMBER"
        if rows
        else "Nothing is in doubt."
    )


@incidents.command()
@click.argument("number", type=int)
@click.pass_obj
def resolve(settings: Settings, number: int) -> None:
    """Say that nothing of this incident's range is missing any more."""
    assert settings.database_url
    with psycopg.connect(settings.database_url) as connection:
        if not connection.execute(_RESOLVE, [number]).rowcount:
            raise NoSuchIncident(f"no incident {number} is open: ./run incidents lists those that are")
    click.echo(f"Incident {number} is resolved.")
