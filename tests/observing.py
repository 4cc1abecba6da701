"""The observer without its process: events are delivered and drained here, and what they name looked up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from ingest import pause
from ingest.settings import Settings
from tests.creators import HOUR
from tests.pipeline import Pipeline
from tests.stripe_double import KEY, StripeDouble
from workers import rate_limit
from workers.database import Connection
from workers.observer import Observer

PRICE = "price_pro"


class Observing:
    """A pretended Stripe, its events on their way into the tables, and an observer to ask it."""

    def __init__(
        self, settings: Settings, database: Connection, redis: "Redis", double: StripeDouble
    ) -> None:
        self.double = double
        self.database = database
        self.redis = redis
        self.settings = settings.model_copy(
            update={
                "stripe_secret_key": SecretStr(KEY),
                "stripe_api_base": double.api_base,
                "stripe_rate_limit": 10_000,
            }
        )
        self.pipeline = Pipeline(self.settings, database, redis)
        self._delivered = 0

    def drain(self) -> int:
        """Deliver what Stripe told since the last time, and drain it with all that waits."""
        told = self.double.events[self._delivered :]
        self._delivered = len(self.double.events)
        self.pipeline.deliver(*told)
        return self.pipeline.run()

    def due(self) -> None:
        """As long as lookups wait before they are tried, again."""
        self.database.execute("UPDATE lookups SET try_at = clock_timestamp()")

    def ask(self, observer: Observer | None = None) -> int:
        """Ask Stripe for all that waits; how many lookups were answered."""
        self.due()
        if observer is not None:
            return observer.run_once()
        with self.observer() as once:
            return once.run_once()

    @contextmanager
    def observer(self, **settings: Any) -> Iterator[Observer]:
        """One more observer, with settings of its own."""
        observer = Observer(self.settings.model_copy(update=settings))
        yield observer
        observer.close()

    def later(self) -> None:
        """Two minutes pass at Stripe."""
        self.double.ahead += 120

    def look_up(self) -> int:
        """Ask Stripe, and drain what it told."""
        answered = self.ask()
        self.drain()
        return answered

    def lookups(self, *columns: str) -> list[tuple[Any, ...]]:
        """What waits, and what was asked for in vain, by object."""
        names = columns or ("object", "object_id")
        rows = self.database.execute("SELECT * FROM lookups ORDER BY object, object_id").fetchall()
        return [tuple(row[name] for name in names) for row in rows]

    def ledger(self) -> list[tuple[str, int, bool]]:
        """Each movement's kind and amount, and whether that is incomplete."""
        rows = self.database.execute("SELECT * FROM mrr_movements ORDER BY at, kind").fetchall()
        return [(row["kind"], row["amount"], row["incomplete"]) for row in rows]

    def subscribe(self, price_id: str = PRICE, **given: Any) -> dict[str, Any]:
        """A subscription that is paid."""
        account = self.double.account
        customer = account.create_customer({})
        made = account.create_subscription(
            {"customer": customer["id"], "items": [{"price": price_id, **given}]}
        )
        return account.become(made, "active")

    def charge(self, amount: int = 1250) -> dict[str, Any]:
        """A charge that succeeded, and whose balance transaction is not known yet."""
        account = self.double.account
        intent = account.pay(account.create_payment_intent({"amount": str(amount), "currency": "usd"}))
        return account.get(intent["latest_charge"])


@contextmanager
def observing(settings: Settings, database: Connection, redis: "Redis") -> Iterator[Observing]:
    """One with a double of its own, which sells a plan."""
    with StripeDouble() as double, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limit, "ENDPOINT_LIMIT", 10_000)
        patch.setattr(pause, "TRIAL_SECONDS", HOUR)  # until a test lets the trial come
        patch.setattr(pause, "KEPT_SECONDS", 2 * HOUR)
        # What is looked up now was told before; and no second ends at Stripe unless a test says so.
        now = int(time.time())
        double.now = lambda: now
        double.account.clock = lambda: now + double.ahead - 60
        double.account.price(PRICE, 2000)
        watching = Observing(settings, database, redis, double)
        yield watching
        watching.pipeline.close()
