"""`hooklog`: one command, whose parts are imported when they are asked for."""

import errno
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click

from ingest.refusal import Refusal

ROOT = Path(__file__).parent.parent

OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}
"""Errors that are no fault of the program's."""


WHERE = "DATABASE_URL, ANALYST_DATABASE_URL and REDIS_URL say where it is; without them ./run up starts one."
"""What to look at when a server cannot be used."""


class Lazy(NamedTuple):
    """Where a command is, as `module:name`, and its line in the list of all.

    One that works `on_stack` is handed (click.pass_obj) the Settings of the stack that runs.
    """

    target: str
    help: str
    on_stack: bool = False


COMMANDS: Mapping[str, Lazy] = {
    "up": Lazy("workers.commands.up:up", "Start everything: servers, web, workers."),
    "demo": Lazy("workers.commands.demo:demo", "Feed a simulated business through the front door."),
    "status": Lazy("workers.commands.status:status", "Show lag, events, dead letters and memory.", True),
    "psql": Lazy("workers.commands.psql:psql", "Query the database.", True),
    "urls": Lazy("workers.commands.urls:urls", "Print where web, dashboard, redis and database are."),
    "settle": Lazy("workers.commands.settle:settle", "Wait until everything accepted is in Postgres.", True),
    "dead-letters": Lazy(
        "workers.commands.dead_letters:dead_letters", "List what could not be digested, say why, retry.", True
    ),
    "incidents": Lazy("workers.commands.incidents:incidents", "List what is in doubt, resolve it.", True),
    "query": Lazy("workers.commands.query:query", "Ask a question in SQL, and print the answer."),
    "export": Lazy("workers.commands.export:export", "Write a table or view to a file."),
    "dictionary": Lazy("workers.commands.dictionary:dictionary", "Say what there is to query."),
    "fx": Lazy("workers.commands.fx:fx", "Load exchange rates, and show which there are.", True),
    "rebuild": Lazy("workers.commands.rebuild:rebuild", "Build tables anew from the history.", True),
    "rollups": Lazy("workers.commands.rollups:rollups", "Prove the rollups, or mend them.", True),
    "test": Lazy("workers.commands.suite:suite", "Run the tests on servers of their own."),
    "bench": Lazy("bench.run:bench", "Measure, and compare with the floors."),
    "web": Lazy("workers.commands.processes:web", "Receive webhooks (one process of a stack)."),
    "dashboard": Lazy("workers.commands.dashboard:dashboard", "Show the figures to people (one process)."),
    "drain": Lazy("workers.commands.processes:drain", "Drain the log into Postgres (one process)."),
    "creator": Lazy("workers.commands.processes:creator", "Make what is asked for at Stripe (one process)."),
    "outbox": Lazy("workers.commands.processes:outbox", "Tell other systems what changed (one process)."),
    "observer": Lazy("workers.commands.processes:observer", "Fetch what events only name (one process)."),
    "orders": Lazy("workers.commands.processes:orders", "Find shops' orders that were missed (one process)."),
    "refresher": Lazy("workers.commands.processes:refresher", "Keep the rollups up (one process)."),
    "scheduler": Lazy("workers.commands.processes:scheduler", "Enqueue scheduled jobs (one process)."),
    "sweep": Lazy("workers.commands.processes:sweep", "Find what was not drained, and trim (one process)."),
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is run, and turns a Refusal into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name and COMMANDS[name].on_stack and not set(rest) & set(ctx.help_option_names):
            from workers.stack import settings_in_use

            ctx.obj = settings_in_use()
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(str(refusal)) from refusal
        except server_errors() as error:
            said = str(error).strip()
            answer = "refuses" if refuses(error) else "does not answer"
            raise click.ClickException(f"a server {answer}: {said}\n{WHERE}") from error
        except missing_table() as error:
            said = str(error).splitlines()[0]
            raise click.ClickException(
                f"the database has not all tables of hooklog: {said}\n"
                f"./run up makes them, and so do ./run drain and ./run sweep. {WHERE}"
            ) from error
        except OSError as error:
            if error.errno not in OF_THE_MACHINE:
                raise
            raise click.ClickException(f"{error.filename or 'this machine'}: {error.strerror}") from error


def server_errors() -> tuple[type[Exception], ...]:
    """What the servers' clients raise when a server is away or refuses; imported only when one did."""
    from psycopg import OperationalError
    from redis.exceptions import ConnectionError, ResponseError, TimeoutError  # noqa: A004 - Redis' own

    return OperationalError, ConnectionError, ResponseError, TimeoutError


def refuses(error: Exception) -> bool:
    """Whether a server is there that does not do what is asked, for the password or the database's number."""
    from redis.exceptions import AuthenticationError, ResponseError

    return isinstance(error, AuthenticationError | ResponseError) or "FATAL" in str(error)


def missing_table() -> type[Exception]:
    """What Postgres' client raises in a database that nobody has prepared; imported as late."""
    from psycopg.errors import UndefinedTable

    return UndefinedTable


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hooklog")
def hooklog() -> None:
    """Stripe's webhooks, kept in a durable log and told in Postgres."""


def main() -> None:
    """The entry of `hooklog`. The folders beside `workers` are importable, from wherever it is called."""
    if sys.stdout is None or sys.stderr is None:  # then the next file or socket would take its place
        sys.exit("hooklog: standard output or error is closed: send it to /dev/null instead")
    sys.path.insert(0, str(ROOT))
    hooklog(prog_name="hooklog")


if __name__ == "__main__":
    main()
