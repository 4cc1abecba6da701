"""`hooklog urls`: where a running stack is, for scripts."""

import click

from ingest.settings import Settings
from workers.stack import find


@click.command()
def urls() -> None:
    """Print `web=…`, `dashboard=…`, `redis=…`, `database=…`, `analyst=…` of the stack that runs on
    HOOKLOG_HOME, passwords included. `analyst` is a log-in that can only read, for Metabase, Grafana and the
    like; of a database of your own, what ANALYST_DATABASE_URL says."""
    stack = find(Settings.from_environment().hooklog_home)
    settings = stack.settings
    places = {
        "web": stack.web,
        "dashboard": stack.dashboard,
        "redis": settings.redis_url,
        "database": settings.database_url,
        "analyst": settings.analyst_database_url,
    }
    for name, url in places.items():
        if url is not None:
            click.echo(f"{name}={url}")
