"""`hooklog status`: the state of a stack, for people and for machines."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import click
import orjson
from rich.console import Console
from rich.table import Table

from ingest.settings import Settings
from workers.health import Health, LogMemory, examine
from workers.ledger_health import LedgerHealth

MEBIBYTE = 1024**2

ROLLUPS_LATE_SECONDS = 30.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Show lag per partition, events, dead letters, incidents, and the log's memory against its bound."""
    health = examine(settings)
    if as_json:
        click.echo(orjson.dumps(asdict(health)).decode())
        return
    console = Console()
    console.print(lag_table(health))
    for line in (*facts(health), *warnings(health)):
        console.print(line, highlight=False)


def lag_table(health: Health) -> Table:
    table = Table("partition", "events waiting", "oldest waits", "drained up to")
    for partition in health.partitions:
        waits = f"{partition.seconds:.1f} s" if partition.waiting else ""
        table.add_row(str(partition.partition), f"{partition.waiting:,}", waits, partition.position)
    return table


def facts(health: Health) -> list[str]:
    """What is simply so."""
    log = health.log
    last = f", the last created {health.last_event_at:%F %T %Z}" if health.last_event_at else ""
    return [
        f"events        {health.events:,}{last}",
        f"log           {share(log.bytes, log.max_bytes)}, {log.entries:,} entries",
        f"duplicates    {log.duplicates:,}, remembered in {share(log.dedupe_bytes, log.dedupe_max_bytes)}",
        f"drain workers {health.drain_workers}",
        f"creators      {health.creators}, {health.open_jobs:,} jobs to do",
        f"messages      {health.messages:,} to be delivered, {health.dead_messages:,} given up",
        f"lookups       {health.lookups.wanted:,} to be asked of Stripe, {health.lookups.failing:,} failing, "
        f"{health.lookups.gone:,} in vain",
        f"rollups       {health.rollups.buckets:,} to be made anew, since {health.rollups.seconds:.0f} s",
        f"dead letters  {health.dead_letters}",
        f"MRR           {health.ledger.paying:,} customers, incomplete of {health.ledger.incomplete:,}"
        f"{missing(health.ledger)}",
    ]


def warnings(health: Health) -> list[str]:
    """What someone should look at, and how."""
    found = []
    if paused := health.creators_paused:
        found.append(
            f"Stripe does not take STRIPE_SECRET_KEY since {paused.since:%F %T}, and the creators pause: "
            f"{paused.reason}. No job is lost; they go on with a good key."
        )
    if health.open_jobs and not health.creators:
        found.append("Jobs wait, and no creator is there: set STRIPE_SECRET_KEY, and start one.")
    if health.lookups.wanted and not health.lookups_possible:
        found.append(
            f"Events only name {health.lookups.wanted:,} things, and Stripe is not asked for them: "
            "set STRIPE_SECRET_KEY. Until then rows say that they are incomplete."
        )
    if health.lookups.failing:
        found.append(
            f"{health.lookups.failing:,} lookups fail and are tried again: lookups.problem says why, "
            "as in ./run psql -c 'TABLE lookups'."
        )
    if health.dead_messages:
        found.append("Some messages were taken by nobody for three days: see ./run dead-letters")
    if health.dead_letters:
        found.append("Some objects could not be digested: see ./run dead-letters")
    if health.quarantined:
        found.append(
            f"{health.quarantined} events killed their process and are quarantined: "
            "./run dead-letters retry tries them again."
        )
    for incident in health.incidents:
        since = f"{incident.doubt_since:%F %T}" if incident.doubt_since else "the beginning"
        found.append(
            f"Incident of {incident.detected_at:%F %T}, partition {incident.partition}: {incident.kind}. "
            f"Events from {since} to {incident.doubt_until:%F %T} may be missing: "
            "resend them from Stripe, then ./run incidents resolve."
        )
    if not health.drain_workers:
        found.append("No drain worker is there: the sweep drains by itself, and slower.")
    if health.rollups.seconds > ROLLUPS_LATE_SECONDS:
        found.append(
            "The rollups fall behind, and figures are read from the rows instead: start a refresher, "
            "or see which transaction stays open."
        )
    if health.rebuild_due:
        found.append(f"{' and '.join(health.rebuild_due)} changed since the tables were built: ./run rebuild")
    if health.ledger.residuals:
        found.append(
            f"The MRR ledger does not add up at {health.ledger.residuals} instants: see mrr_ledger_residual,"
            " and mend it with ./run rebuild mrr_movements"
        )
    if (day := forgotten(health.log)) is not None:
        found.append(
            f"For want of memory the log forgot which events it had up to {day}; the history has not."
        )
    return found


def missing(ledger: LedgerHealth) -> str:
    """What is not known of it, by kind."""
    listed = ", ".join(f"{count:,} {kind}" for kind, count in ledger.missing.items())
    return f" (not known: {listed})" if listed else ""


def share(used: int, bound: int) -> str:
    return f"{used / MEBIBYTE:,.1f} of {bound / MEBIBYTE:,.0f} MiB ({used / bound:.0%})"


def forgotten(log: LogMemory) -> date | None:
    if log.forgotten_day is None:
        return None
    return (datetime.fromtimestamp(0, UTC) + timedelta(days=log.forgotten_day)).date()
