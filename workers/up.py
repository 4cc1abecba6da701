"""`hooklog up`: servers where none are named, the schema, and every process, until it is told to stop."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ingest.settings import DEFAULT_SOURCE, InvalidSettings, Settings
from projections.dashboard import policy
from workers import reactions
from workers.analyst_login import make_login
from workers.readiness import check_redis, prepare_database
from workers.servers.embedded import servers
from workers.servers.guardian import Guardian
from workers.servers.home import Home
from workers.servers.ports import available
from workers.stack import Stack, announce, withdraw
from workers.supervisor import Part, Say, stop

SECRET_FILE = "webhook-secret"  # noqa: S105 - the file's name
BY_SOURCE = ("STRIPE_", "CALLBACK_", "WOOCOMMERCE_")
"""What the names of variables begin with that end in a source's."""

LOOK_SECONDS = 0.1
WEB_SECONDS = 30.0
SERVER_GRACE_SECONDS = 30.0

Environment = Mapping[str, str]


class Up:
    """One stack on one home, in the order in which its parts stop: web, workers, servers."""

    def __init__(self, settings: Settings, home: Home, guardian: Guardian, say: Say) -> None:
        self.settings = settings
        self.home = home
        self._guardian = guardian
        self._say = say
        self._web: list[Part] = []
        self._workers: list[Part] = []
        self._servers: list[Part] = []

    def stop(self) -> None:
        """Stop everything in order; each stage waits for the one before."""
        withdraw(self.home)
        stop(self._web, self.settings.shutdown_grace_seconds, self._say)
        stop(self._workers, self.settings.shutdown_grace_seconds, self._say)
        stop(self._servers, SERVER_GRACE_SECONDS, self._say)

    def watch(self) -> None:
        """See to it that every process runs, for ever."""
        while True:
            self._tend()
            time.sleep(LOOK_SECONDS)

    def start(self) -> Stack:
        """Start everything; returns when web answers. Raises Refusals."""
        settings = self.settings
        port = available(settings.port, variable="PORT", host=settings.host)
        dashboard_port = available(settings.dashboard_port, variable="DASHBOARD_PORT", host=settings.host)
        given = {
            "PORT": str(port),
            "DASHBOARD_PORT": str(dashboard_port),
            "HOOKLOG_HOME": str(self.home.path),
        }
        for variable, server in servers(settings, self.home, self._guardian).items():
            server.start()
            given[variable] = server.url
            self._servers.append(
                Part(server.name, server.spawn, stop_signal=server.stop_signal, process=server.process)
            )
        if DEFAULT_SOURCE not in settings.webhook_secrets:
            given["STRIPE_WEBHOOK_SECRET"] = self.home.secret(SECRET_FILE, prefix="whsec_")
        environment = {**os.environ, **given}
        complete = Settings.from_environment(environment)
        reactions.configured(complete)  # what it refuses, every drain would
        shown = self._may_be_shown(complete)
        for warning in check_redis(complete):
            self._say(warning)
        prepare_database(complete, anew=True)
        if "DATABASE_URL" in given and not settings.analyst_database_url:
            environment["ANALYST_DATABASE_URL"] = make_login(given["DATABASE_URL"], self.home)
        self._web = [
            self._part("web", "web", environment=environment),
            *([self._part("dashboard", "dashboard", "--no-link", environment=environment)] if shown else []),
        ]
        self._workers = [
            *(
                self._part(f"drain {n + 1}", "drain", environment=environment)
                for n in range(settings.drain_workers)
            ),
            self._part("scheduler", "scheduler", environment=environment),
            self._part("sweep", "sweep", environment=environment),
            self._part("outbox", "outbox", environment=environment),
            self._part("refresher", "refresher", environment=environment),
            *([self._part("orders", "orders", environment=environment)] if settings.shops else []),
            *self._askers(environment),
        ]
        host = reachable(settings.host)
        stack = Stack(
            os.getpid(),
            f"http://{host}:{port}",
            ours(environment),
            f"http://{host}:{dashboard_port}/" if shown else "",
        )
        self._wait_for_web(port)
        announce(self.home, stack)
        return stack

    def _may_be_shown(self, settings: Settings) -> bool:
        """Whether there can be a dashboard; the events of a stack must not wait for who may look at them."""
        try:
            policy.check(settings)
        except InvalidSettings as error:
            self._say(f"there is no dashboard: {error}")
            return False
        return True

    def _part(self, name: str, *command: str, environment: Environment) -> Part:
        program = [sys.executable, "-m", "workers.command", *command]
        return Part(name, lambda: self._guardian.start(program, environment=environment))

    def _askers(self, environment: Environment) -> list[Part]:
        """Who asks Stripe: creators, of which the first is there for checkouts alone, and an observer.

        There are none without Stripe's key.
        """
        if not self.settings.stripe_secret_key:
            return []
        count = self.settings.creator_workers
        kinds = [["creator", "--checkouts"] if n == 0 and count > 1 else ["creator"] for n in range(count)]
        return [
            *(self._part(f"creator {n + 1}", *kind, environment=environment) for n, kind in enumerate(kinds)),
            self._part("observer", "observer", environment=environment),
        ]

    def _tend(self) -> None:
        if self._guardian.watch():
            self._say("the guardian ended; it was started again")
        for part in (*self._servers, *self._web, *self._workers):
            part.tend(self._say)

    def _wait_for_web(self, port: int) -> None:
        deadline = time.monotonic() + WEB_SECONDS
        while time.monotonic() < deadline:
            self._tend()
            with socket.socket() as client:
                if client.connect_ex((reachable(self.settings.host), port)) == 0:
                    return
            time.sleep(LOOK_SECONDS)
        self._say(f"web does not answer yet, after {WEB_SECONDS:g} s; it goes on being watched")


@contextmanager
def running(settings: Settings, say: Say) -> Iterator[tuple[Up, Stack]]:
    """A whole stack on a home that nobody else holds; it stops with the block. Raises Refusals.

    The signals that end a process raise KeyboardInterrupt, as Ctrl-C does, at the start and later.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    home = Home(settings.hooklog_home)
    with home.lock() as held, Guardian(held) as guardian:
        withdraw(home)  # what a killed one left
        up = Up(settings, home, guardian, say)
        try:
            yield up, up.start()
        finally:
            up.stop()


def reachable(host: str) -> str:
    """`host` as a client on this machine calls it."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is read, not bound


def ours(environment: Environment) -> dict[str, str]:
    """What of an environment configures hooklog; not the clients' keys, which are written nowhere."""
    fields = {name.upper() for name in Settings.model_fields} - {"API_KEYS"}
    return {
        name: value for name, value in environment.items() if name in fields or name.startswith(BY_SOURCE)
    }
