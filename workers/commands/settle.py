"""`hooklog settle`: wait for the drain, with a progress bar on a terminal."""

import click
from rich.console import Console
from rich.progress import Progress

from ingest.settings import Settings
from workers.commands.seconds import Seconds
from workers.settle import settling


@click.command()
@click.option("--timeout", type=Seconds(), default=60.0, show_default=True, help="Seconds to wait at most.")
@click.pass_obj
def settle(settings: Settings, timeout: float) -> None:
    """Return when everything that was accepted so far is in Postgres; fail if that takes too long."""
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("partitions drained", total=settings.log_partitions)
        for done in settling(settings, timeout):
            progress.update(task, completed=done)
