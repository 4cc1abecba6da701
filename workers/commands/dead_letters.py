"""`hooklog dead-letters`."""

import json
from collections.abc import Sequence

import click
import psycopg
from rich.console import Console
from rich.table import Table

from ingest.settings import Settings
from workers import outbox
from workers.dead_letters import DeadLetter, listed
from workers.dead_letters import retry as retry_letters


@click.group("dead-letters", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def dead_letters(context: click.Context, as_json: bool) -> None:
    """Objects whose newest event a projection could not digest, and messages that nobody took, and why.

    The objects' rows show the newest event that could be digested, and say stale. Every new event of the
    object is tried again by itself; `retry` tries now, after a mended fold or schema. Messages are those that
    other systems would not take for three days.
    """
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    assert settings.database_url
    with psycopg.connect(settings.database_url) as connection:
        found, messages = listed(connection), outbox.dead(connection)
    if as_json:
        for each in (*(letter._asdict() for letter in found), *(message._asdict() for message in messages)):
            click.echo(json.dumps(each, default=str))
        return
    if not found and not messages:
        click.echo("There are no dead letters.")
        return
    if found:
        Console().print(letters_table(found))
    if messages:
        Console().print(messages_table(messages))
    click.echo("Mend the cause, then: ./run dead-letters retry")


def letters_table(letters: Sequence[DeadLetter]) -> Table:
    table = Table("object", "projection", "event", "why", "since")
    for letter in letters:
        where = f"{letter.object} {letter.object_id}"
        table.add_row(where, letter.projection, letter.event_id, letter.reason, f"{letter.detected_at:%F %T}")
    return table


def messages_table(messages: Sequence[outbox.Dead]) -> Table:
    table = Table("message", "of", "to", "because of", "why not delivered", "since")
    for message in messages:
        about = message.object_id or "-"
        told = message.origin or "-"
        table.add_row(message.kind, about, told, message.cause, message.problem, f"{message.dead_at:%F %T}")
    return table


@dead_letters.command()
@click.argument("object_id", required=False)
@click.pass_obj
def retry(settings: Settings, object_id: str | None) -> None:
    """Fold the objects again (all, or the one of this id), say which could be digested; resend messages."""
    left = tried = 0
    for letter, gone in retry_letters(settings, object_id):
        tried += 1
        left += not gone
        click.echo(
            f"{letter.object} {letter.object_id} in {letter.projection}: {'mended' if gone else 'still dead'}"
        )
    assert settings.database_url
    with psycopg.connect(settings.database_url) as connection:
        resent = outbox.retry(connection, object_id)
    if tried:
        click.echo(f"{tried} tried, {left} left.")
    if resent:
        click.echo(f"{resent} messages go out again.")
    if not tried and not resent:
        click.echo("There are no dead letters.")
