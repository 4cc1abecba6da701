"""The processes of a stack, one command each, as the Procfile and `hooklog up` start them."""

import click

from ingest.logging import configure
from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.conninfo import readable


class Unset(Refusal):
    """A process of a stack needs to be told where the servers are."""


@click.command()
def web() -> None:
    """Receive webhooks on HOST and PORT until SIGTERM. Needs REDIS_URL; without DATABASE_URL it cannot tell
    who has access."""
    from ingest import web
    from projections.access_route import UserAccess

    settings = settings_with("REDIS_URL")
    web.main(settings, UserAccess(settings) if settings.database_url else None)


@click.command()
def drain() -> None:
    """Drain the log into Postgres until SIGTERM. Needs REDIS_URL and DATABASE_URL. Any number may run."""
    from workers import drain_worker
    from workers.readiness import prepare_database

    settings = settings_with("REDIS_URL", "DATABASE_URL")
    prepare_database(settings)
    configure()
    drain_worker.main(settings)


@click.command()
def scheduler() -> None:
    """Enqueue jobs whose time has come, until SIGTERM. Needs REDIS_URL. Any number may run."""
    from workers import scheduler

    configure()
    scheduler.main(settings_with("REDIS_URL"))


@click.command()
def sweep() -> None:
    """Find what was not drained and trim what was, until SIGTERM. Needs REDIS_URL and DATABASE_URL."""
    from workers import sweep
    from workers.readiness import prepare_database

    settings = settings_with("REDIS_URL", "DATABASE_URL")
    prepare_database(settings)
    configure()
    sweep.main(settings)


@click.command()
@click.option("--checkouts", is_flag=True, help="Only the jobs that somebody waits for.")
def creator(checkouts: bool) -> None:
    """Make what clients ask for at Stripe, until SIGTERM. Needs REDIS_URL and STRIPE_SECRET_KEY."""
    from workers import creator

    settings = settings_with("REDIS_URL", "STRIPE_SECRET_KEY")
    configure()
    creator.main(settings, only_checkouts=checkouts)


@click.command()
def outbox() -> None:
    """Tell other systems what changed, until SIGTERM. Needs DATABASE_URL. Any number may run."""
    from workers import outbox_worker
    from workers.readiness import prepare_database

    settings = settings_with("DATABASE_URL")
    prepare_database(settings)
    configure()
    outbox_worker.main(settings)


@click.command()
def observer() -> None:
    """Ask Stripe for what events only name, until SIGTERM. Needs both servers and STRIPE_SECRET_KEY. Any
    number may run."""
    from workers import observer
    from workers.readiness import prepare_database

    settings = settings_with("REDIS_URL", "DATABASE_URL", "STRIPE_SECRET_KEY")
    prepare_database(settings)
    configure()
    observer.main(settings)


@click.command()
def orders() -> None:
    """Find the shops' orders that no webhook told of, until SIGTERM. Needs REDIS_URL. Any number may run."""
    from workers import order_sweep

    configure()
    order_sweep.main(settings_with("REDIS_URL"))


@click.command()
def refresher() -> None:
    """Keep the rollups up with the rows, until SIGTERM. Needs DATABASE_URL. Any number may run."""
    from workers import refresher
    from workers.readiness import prepare_database

    settings = settings_with("DATABASE_URL")
    prepare_database(settings)
    configure()
    refresher.main(settings)


def settings_with(*needed: str) -> Settings:
    """The environment's, which must have what is needed. Raises Unset."""
    settings = readable(Settings.from_environment())
    missing = [name for name in needed if not getattr(settings, name.lower())]
    if missing:
        raise Unset(f"{' and '.join(missing)} must be set, or start everything by ./run up")
    return settings
