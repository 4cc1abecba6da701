"""Processes are killed at any moment, under load; what was acknowledged is in Postgres exactly once."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

import psycopg
import pytest

from tests.running import Running
from tests.web_process import PATIENCE, until
from workers.rebuild import Rebuild
from workers.simulator import sign, simulate

KILLS = 3
SENDERS = 4
SETTLE_SECONDS = "100"


class Stripe:
    """Delivers until told to stop: each event until it is acknowledged, and now and then once more."""

    def __init__(self, stack: Running, bodies: list[bytes], seed: int) -> None:
        self._address = stack.stack.web.removeprefix("http://")
        self._secret = (stack.home / "webhook-secret").read_text().strip()
        self._bodies = iter(bodies)
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._senders = [threading.Thread(target=self._deliver_all) for _ in range(SENDERS)]
        self.acknowledged: set[bytes] = set()

    @contextmanager
    def delivering(self) -> Iterator[None]:
        for thread in self._senders:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._senders:
                thread.join()

    def has_delivered(self, count: int) -> bool:
        """Whether so many were acknowledged, or all that there are."""
        return len(self.acknowledged) >= count or not any(thread.is_alive() for thread in self._senders)

    def _deliver_all(self) -> None:
        connection = HTTPConnection(self._address, timeout=PATIENCE)
        while not self._stop.is_set():
            with self._lock:
                body = next(self._bodies, None)
            if body is None:
                break
            for _ in range(2 if self._random.random() < 0.1 else 1):
                while not self._acknowledged(connection, body):
                    if self._stop.wait(0.05):
                        break
        connection.close()

    def _acknowledged(self, connection: HTTPConnection, body: bytes) -> bool:
        headers = {"Stripe-Signature": sign(body, self._secret, int(time.time()))}
        try:
            connection.request("POST", "/webhooks", body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            connection.close()
            return False
        if response.status == 200:
            self.acknowledged.add(body)
        return response.status == 200


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("faults") / "home"
    with Running(home, DRAIN_WORKERS="2", DRAIN_BATCH="50") as stack:
        yield stack


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    """Every event acknowledged so far, over all tests of this module, by id."""
    return {}


@pytest.mark.parametrize("seed, victim", [*enumerate(["drain", "web", "valkey", "postgres"])])
def test_every_acknowledged_event_is_in_postgres_exactly_once(
    stack: Running, expected: dict[str, str], seed: int, victim: str
) -> None:
    chance = random.Random(seed)
    stripe = Stripe(stack, list(simulate(seed=100 + seed, payments=400, subscriptions=60).bodies()), seed)
    with stripe.delivering():
        for _ in range(KILLS):
            # Any moment: that is what is tried here.
            more = len(stripe.acknowledged) + chance.randint(20, 300)
            until(lambda: stripe.has_delivered(more))  # noqa: B023 - called at once
            kill(stack, victim)
    settled = stack.hooklog("settle", "--timeout", SETTLE_SECONDS)
    assert settled.returncode == 0, settled.stderr
    expected |= {event_id(body): body.decode() for body in stripe.acknowledged}
    with psycopg.connect(stack.stack.settings.database_url or "") as connection:
        kept = connection.execute("SELECT event_id, payload FROM events").fetchall()
        incidents = connection.execute("SELECT * FROM incidents").fetchall()
        letters = connection.execute("SELECT * FROM dead_letters").fetchall()
    assert len(kept) == len(dict(kept))
    assert expected.items() <= dict(kept).items()
    assert [] == incidents
    assert [] == letters
    audit = Rebuild(stack.stack.settings)
    list(audit.run())
    assert {0} == set(audit.differences.values())


def kill(stack: Running, victim: str) -> None:
    """SIGKILL, once it runs (again)."""
    until(lambda: stack.parts().get(victim)).kill()


def event_id(body: bytes) -> str:
    return str(json.loads(body)["id"])
