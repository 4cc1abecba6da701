"""`hooklog rebuild`."""

import json

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.settings import Settings
from workers.rebuild import Rebuild, UnknownProjection


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as one JSON object.")
@click.pass_obj
def rebuild(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Build the projections (all, or those named) anew from the history, and merge the differences.

    Events keep arriving meanwhile. A table that was right is not written at all.
    """
    try:
        running = Rebuild(settings, names)
    except UnknownProjection as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    columns = (
        TextColumn("rebuilding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("objects"),
        TimeRemainingColumn(),
    )
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("rebuild", total=None)
        for progress in running.run():
            bar.update(task, completed=progress.built, total=progress.total)
    if as_json:
        click.echo(json.dumps({"differences": running.differences}))
        return
    for table, count in running.differences.items():
        rows = "1 row" if count == 1 else f"{count} rows"
        click.echo(f"{table:24} {rows} differed" if count else f"{table:24} as it was")
