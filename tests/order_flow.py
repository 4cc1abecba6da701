"""A shop, Stripe, and all of hooklog between them, without processes: a step at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from redis import Redis

from ingest.order import Order
from ingest.orders import SYNC_ORDER, Orders
from ingest.settings import Settings
from tests.creators import Creators, creators
from tests.pipeline import Pipeline
from tests.shop_double import Json, ShopDouble
from tests.stripe_account import Account, Shape
from workers import outbox
from workers.outbox_worker import OutboxWorker


class Followed:
    """`ordered` begins; `drain`, `deliver` and `follow` go on from what has happened at Stripe."""

    def __init__(self, creators: Creators, shop: ShopDouble, database: "psycopg.Connection[Any]") -> None:
        self.shop, self.creators = shop, creators
        self.stripe: Account = creators.double.account
        self.settings, self.database = creators.settings, database
        self.pipeline = Pipeline(self.settings, database, creators.redis)
        self.orders = Orders(creators.redis, self.settings)

    def ordered(self, **fields: Any) -> tuple[Json, Shape]:
        """A new order and its PaymentIntent, of which the tables know already."""
        order = self.shop.order(**fields)
        intent = self.synced(order)
        self.drain()
        return order, intent

    def synced(self, order: Json) -> Shape:
        self.orders.learn("shop", Order.read(order))
        job = self.creators.done(SYNC_ORDER, order_id=order["id"])
        assert job.result
        return self.stripe.get(job.result["id"])

    def drain(self, *, twice: bool = False) -> None:
        bodies = [body for body, _ in self.creators.double.webhooks("secret")]
        for _ in range(2 if twice else 1):
            self.pipeline.deliver(*bodies)
            self.pipeline.run()

    def deliver(self) -> None:
        """Tell the shop what waits to be told, until nothing does that may be tried now."""
        worker = OutboxWorker(self.settings)
        try:
            idle = False
            while not idle:
                busy = worker.run_once(patience=5)
                idle = not busy and not self._waiting()
        finally:
            worker.close()

    def follow(self) -> None:
        self.drain()
        self.deliver()

    def try_again(self) -> None:
        """As if the pauses were over."""
        self.database.execute("UPDATE outbox SET try_at = '-infinity' WHERE delivered_at IS NULL")
        self.deliver()

    def _waiting(self) -> bool:
        return self.told("delivered_at IS NULL AND try_at <= clock_timestamp()") > 0

    def told(self, condition: str = "true") -> int:
        """How many messages the outbox has, of those that meet the condition."""
        row = self.database.execute(f"SELECT count(*) FROM outbox WHERE {condition}").fetchone()
        return int(row["count"]) if row else 0

    @property
    def problems(self) -> list[str]:
        sql = "SELECT problem FROM outbox WHERE delivered_at IS NULL ORDER BY id"
        return [row["problem"] for row in self.database.execute(sql).fetchall()]

    def dispute(self, intent: Shape, status: str = "needs_response") -> Shape:
        return self.stripe.make(
            "dispute", "du", "charge.dispute.created", amount=intent["amount"], currency=intent["currency"],
            charge=intent["latest_charge"], payment_intent=intent["id"], status=status, reason="fraudulent",
            balance_transactions=[], evidence_details={"due_by": None},
        )  # fmt: skip


@contextmanager
def following(settings: Settings, database: "psycopg.Connection[Any]", redis: "Redis") -> Iterator[Followed]:
    """A shop that is configured as the source `shop`."""
    with ShopDouble() as shop, pytest.MonkeyPatch.context() as patch:
        # What is refused is not tried again before the test says so, however slow the machine is.
        patch.setattr(outbox, "FIRST_PAUSE", outbox.LONGEST_PAUSE)
        shops = Settings.from_environment(shop.environment).shops
        with creators(settings.model_copy(update={"shops": shops}), redis) as creators_:
            followed = Followed(creators_, shop, database)
            yield followed
            followed.pipeline.close()
