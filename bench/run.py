"""`hooklog bench`: measures, and compares with the floors."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from bench import checkout, dashboard, drain, end_to_end, history_size, latency, machine, memory, rollups, web
from bench.figures import Measured, promised
from bench.report import Report
from bench.rig import Advance, Rig
from bench.scale import FULL, SHORT, Scale
from ingest.settings import Settings
from workers.servers.embedded import embedded
from workers.servers.guardian import Guardian
from workers.servers.home import Home, HomeInUse

M = TypeVar("M", bound=Measured)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="End with one line that holds the figures as JSON.")
@click.option(
    "--long", "longer", is_flag=True, help="Also measure memory, a long history, rollups, dashboard."
)
@click.option(
    "--short", is_flag=True, help="Half a minute that shows that it runs; its figures tell nothing."
)
@click.option("--keep", is_flag=True, help="Keep the results in bench/.")
def bench(as_json: bool, longer: bool, short: bool, keep: bool) -> None:
    """Measure, and compare with the floors, in 9 minutes; with --long in half an hour.

    On servers of its own below HOOKLOG_HOME, with fsync on, which end with it. Nothing else should run on
    this machine meanwhile.
    """
    if keep and short:
        raise click.UsageError("a short run tells nothing that is worth keeping")
    with mounted() as on:
        described = machine.describe(on.servers, on.directory)
        found = measured(on, SHORT if short else FULL, longer)
    figures = [figure for one in found for figure in one.figures]
    report = Report(described, figures, [observation for one in found for observation in one.observations])
    Console().print(report.tables())
    if keep:
        click.echo(f"kept in {', '.join(os.path.relpath(path) for path in report.keep())}")
    if as_json:
        click.echo(orjson.dumps(promised(figures)))


@contextmanager
def mounted() -> Iterator[Rig]:
    """Servers on a home of their own, which is gone afterwards. Raises HomeInUse."""
    # Ended like this, too, it leaves no process and no file behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # Below HOOKLOG_HOME, since a directory for temporary files may be memory, where fsync costs nothing.
    home = Home(Home(Settings.from_environment().hooklog_home).path / "bench")
    if home.locked():
        raise HomeInUse("another benchmark runs on this home: wait for it, or set HOOKLOG_HOME")
    shutil.rmtree(home.path)  # what a killed one left
    try:
        with embedded(home.path) as servers, Guardian() as guardian:
            yield Rig(servers, guardian, Home(home.path).directory("files"))
    finally:
        shutil.rmtree(home.path)


def measured(rig: Rig, scale: Scale, longer: bool) -> list[Measured]:
    """All measurements, one after the other, with their progress shown."""
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:

        def take(name: str, measure: Callable[[Rig, Scale, Advance], M]) -> M:
            task = progress.add_task(name, total=1.0)
            result = measure(rig, scale, lambda part: progress.advance(task, part))
            progress.update(task, completed=1.0)
            return result

        accepted = take("web", web.measure)
        drained = take("drain", drain.measure)
        both = partial(end_to_end.measure, web_alone=accepted.alone, drain_alone=drained.alone)
        found: list[Measured] = [accepted, drained]
        found.append(take("end to end", both))
        found.append(take("latency", latency.measure))
        found.append(take("checkout", checkout.measure))
        if longer:
            found.append(take("memory", memory.measure))
            found.append(take("history", history_size.measure))
            found.append(take("rollups", rollups.measure))
            found.append(take("dashboard", dashboard.measure))
        return found
