"""`hooklog dead-letters`."""

import json

import click
import psycopg
from rich.console import Console
from rich.table import Table

from ingest.settings import Settings
from workers.dead_letters import listed
from workers.dead_letters import retry as retry_letters


@click.group("dead-letters", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def dead_letters(context: click.Context, as_json: bool) -> None:
    """Objects whose newest event a projection could not digest, and why.

    Their rows show the newest event that could be digested, and say stale. Every new event of the object
    is tried again by itself; `retry` tries now, after a mended fold or schema.
    """
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    assert settings.database_url
    with psycopg.connect(settings.database_url) as connection:
        found = listed(connection)
    if as_json:
        for letter in found:
            click.echo(json.dumps(letter._asdict(), default=str))
        return
    if not found:
        click.echo("There are no dead letters.")
        return
    table = Table("object", "projection", "event", "why", "since")
    for letter in found:
        where = f"{letter.object} {letter.object_id}"
        table.add_row(where, letter.projection, letter.event_id, letter.reason, f"{letter.detected_at:%F %T}")
    Console().print(table)
    click.echo("Mend the cause, then: ./run dead-letters retry")


@dead_letters.command()
@click.argument("object_id", required=False)
@click.pass_obj
def retry(settings: Settings, object_id: str | None) -> None:
    """Fold the objects again (all, or the one of this id), and say which could be digested."""
    left = tried = 0
    for letter, gone in retry_letters(settings, object_id):
        tried += 1
        left += not gone
        click.echo(
            f"{letter.object} {letter.object_id} in {letter.projection}: {'mended' if gone else 'still dead'}"
        )
    click.echo(f"{tried} tried, {left} left." if tried else "There are no dead letters.")
