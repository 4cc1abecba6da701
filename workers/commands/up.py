"""`hooklog up`, as the person who typed it sees it."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import click
from psycopg.conninfo import conninfo_to_dict

from ingest.settings import DEFAULT_SOURCE, Settings
from workers.commands.dashboard import has_users, link_to
from workers.conninfo import readable
from workers.stack import Stack
from workers.up import SECRET_FILE, running


@click.command()
def up() -> None:
    """Start everything, and keep it running until Ctrl-C.

    Without REDIS_URL or DATABASE_URL it brings a Valkey or a PostgreSQL of its own, with the data under
    HOOKLOG_HOME.
    """
    settings = readable(Settings.from_environment())
    try:
        with running(settings, say) as (stack, found):
            click.echo(told(settings, found))
            stack.watch()
    except KeyboardInterrupt:
        say("stopped")


def say(sentence: str) -> None:
    """Tell whoever looks; a full disk or a closed terminal behind it must not end the stack."""
    with suppress(OSError):
        click.echo(f"hooklog: {sentence}", err=True)


def told(settings: Settings, stack: Stack) -> str:
    """What runs where, which secret is in use, and what to type next."""
    home = shown(settings.hooklog_home)
    started = stack.settings
    assert started.redis_url
    assert started.database_url
    redis, database = redis_place(started.redis_url), database_place(started.database_url)
    if not settings.redis_url:
        redis += f", data in {home}/valkey"
    if not settings.database_url:
        database += f", data in {home}/postgres"
    lines = [
        "hooklog is running. Ctrl-C stops it; nothing is lost by that.",
        "",
        f"  web        {stack.web}/webhooks",
        f"  dashboard  {dashboard_line(started, stack)}",
        *(
            [f"  API        {stack.web}/docs, for {', '.join(settings.api_keys)}"]
            if settings.api_keys
            else []
        ),
        f"  redis      {redis}",
        f"  database   {database}",
        f"  workers    {settings.drain_workers} drain, scheduler, sweep, outbox, refresher, "
        f"{creators(settings)}",
        f"  secret     {secret_line(settings, started)}",
        "",
        "Next:",
        "  ./run demo      feed it a simulated business, and see what an analyst sees",
        "  ./run query     ask the database, read-only; ./run dictionary says what there is",
        "  ./run psql      the database's own shell",
        "  ./run status    see what waits, what failed, and how full the log is",
    ]
    return "\n".join(lines)


def dashboard_line(started: Settings, stack: Stack) -> str:
    if not stack.dashboard:
        return "none, see above"
    if has_users(started):
        return started.dashboard_url or stack.dashboard
    return (
        f"{link_to(started, stack.dashboard)}\n"
        f"{'':13}lets in once, for 15 minutes; ./run dashboard link prints another"
    )


def creators(settings: Settings) -> str:
    if not settings.stripe_secret_key:
        return "no creators and no observer (they need STRIPE_SECRET_KEY)"
    return f"{settings.creator_workers} creators, observer"


def secret_line(settings: Settings, started: Settings) -> str:
    secrets = started.webhook_secrets[DEFAULT_SOURCE]
    line = ", ".join(masked(secret.get_secret_value()) for secret in secrets)
    if DEFAULT_SOURCE in settings.webhook_secrets:
        return f"{line}, from STRIPE_WEBHOOK_SECRET"
    return (
        f"{line}, made for the demo and kept in {shown(settings.hooklog_home)}/{SECRET_FILE};\n"
        f"{'':13}for Stripe's own deliveries set STRIPE_WEBHOOK_SECRET"
    )


def masked(secret: str) -> str:
    """Enough to recognise it by, and no more."""
    return f"{secret[:6]}…{secret[-4:]}" if len(secret) >= 24 else "…"


def redis_place(url: str) -> str:
    """Host, port and database, without a password."""
    at = urlsplit(url)
    return f"{at.hostname}:{at.port or 6379}{at.path or '/0'}" if at.hostname else at.path


def database_place(url: str) -> str:
    at = conninfo_to_dict(url)
    return f"{at.get('host', 'localhost')}:{at.get('port', 5432)}/{at.get('dbname', '')}"


def shown(path: Path) -> str:
    """`path` as it is shortest to type from here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
