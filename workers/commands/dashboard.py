"""`hooklog dashboard`: the process, and what lets people in: links and hashes of passwords."""

import sys

import click

from ingest.refusal import Refusal
from ingest.settings import Settings
from projections.dashboard.links import Links
from projections.dashboard.passwords import MOST_BYTES, PasswordHash
from projections.dashboard.policy import check
from workers.commands.processes import settings_with
from workers.stack import NotRunning, find
from workers.up import reachable

SHORTEST = 10


class ByPassword(Refusal):
    """There are users, so a link lets nobody in: DASHBOARD_USERS has who may log in."""


@click.group(invoke_without_command=True)
@click.option("--no-link", is_flag=True, help="Print no link: whoever starts it does.")
@click.pass_context
def dashboard(context: click.Context, no_link: bool) -> None:
    """Show the figures on HOST and DASHBOARD_PORT until SIGTERM. Needs DATABASE_URL, which it only reads;
    without REDIS_URL it cannot tell what waits in the log, nor other dashboards of failed log-ins. Any number
    may run."""
    if context.invoked_subcommand:
        return
    from projections.dashboard import serve

    settings = settings_with("DATABASE_URL")
    check(settings)
    if sys.stderr.isatty() and settings.dashboard_port and not no_link and not has_users(settings):
        click.echo(f"hooklog: once, for 15 minutes: {link_to(settings, _address(settings))}", err=True)
    serve.main(settings)


@dashboard.command()
def link() -> None:
    """Print a link that lets in once, for 15 minutes."""
    settings = Settings.from_environment()
    address = _address(settings)
    try:
        stack = find(settings.hooklog_home)
        settings, address = stack.settings, stack.dashboard or address
    except NotRunning:
        check(settings)
    if has_users(settings):
        raise ByPassword("people log in by password here, see DASHBOARD_USERS: a link lets nobody in")
    click.echo(link_to(settings, address))


@dashboard.command(name="hash")
def hash_() -> None:
    """Ask for a password, and print what DASHBOARD_USERS takes of it: DASHBOARD_USERS=name:hash."""
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not SHORTEST <= len(password) <= len(password.encode()) <= MOST_BYTES:
        raise click.ClickException(
            f"a password has {SHORTEST} characters at least, and {MOST_BYTES} bytes at most"
        )
    click.echo(PasswordHash.of(password))


def link_to(settings: Settings, address: str) -> str:
    """A new link to the dashboard at `address`, unless people call it by another."""
    base = (settings.dashboard_url or address).rstrip("/")
    return f"{base}/enter?token={Links(settings.hooklog_home).token()}"


def has_users(settings: Settings) -> bool:
    """Whether people log in by password."""
    return bool(settings.dashboard_users.get_secret_value().strip())


def _address(settings: Settings) -> str:
    host = reachable(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.dashboard_port}"
