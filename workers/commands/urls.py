"""`hooklog urls`: where a running stack is, for scripts."""

import click

from ingest.settings import Settings
from workers.stack import find


@click.command()
def urls() -> None:
    """Print `web=…`, `dashboard=…`, `redis=…`, `database=…` of the stack that runs on HOOKLOG_HOME,
    passwords included."""
    stack = find(Settings.from_environment().hooklog_home)
    settings = stack.settings
    places = {
        "web": stack.web,
        "dashboard": stack.dashboard,
        "redis": settings.redis_url,
        "database": settings.database_url,
    }
    for name, url in places.items():
        click.echo(f"{name}={url}")
