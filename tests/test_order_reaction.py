"""Of which payments a shop is told, and when."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from redis import Redis

from ingest.event import Identity
from ingest.settings import Settings
from projections.heads import Standing
from tests.order_flow import Followed, following
from workers.drain import Drain
from workers.order_reaction import NoKey, reaction
from workers.rebuild import Rebuild


@pytest.fixture
def followed(settings: Settings, database: "psycopg.Connection[Any]", redis: Redis) -> Iterator[Followed]:
    with following(settings, database, redis) as followed:
        yield followed


def test_payments_that_were_not_made_for_an_order_here_are_told_to_no_shop(followed: Followed) -> None:
    plugin = {"order_id": "17", "order_key": "wc_order_17", "site_url": "https://shop.example.com"}
    for metadata in ({}, plugin, {"order_id": "17"}, {"order_id": "17", "source": "platform"}):
        given = {"amount": "1250", "currency": "eur", "metadata": metadata}
        followed.stripe.pay(followed.stripe.create_payment_intent(given))
    followed.follow()
    assert 0 == followed.told()


@pytest.mark.parametrize("envelope", [{"account": "acct_of_a_connected_one"}, {"livemode": True}])
def test_payments_of_another_account_or_mode_than_the_keys_are_told_to_no_shop(
    followed: Followed, envelope: dict[str, Any]
) -> None:
    """Whoever made them could mark them as any order's."""
    marks = {"order_id": "17", "source": "shop"}
    given = {"amount": "1250", "currency": "eur", "metadata": marks}
    followed.stripe.pay(followed.stripe.create_payment_intent(given))
    for event in followed.creators.double.events:
        event.update(envelope)
    followed.follow()
    assert ["succeeded"] == [row["status"] for row in followed.pipeline.rows("payments")]
    assert 0 == followed.told()


def test_of_two_drains_at_once_the_later_tells_what_neither_saw_alone(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    refund = followed.stripe.refund({"payment_intent": intent["id"], "amount": 500})
    followed.drain()
    tables = {"payment_intents": intent["id"], "refunds": refund["id"]}
    for table in tables:
        followed.database.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
    followed.database.execute("TRUNCATE payment_intents, refunds, outbox")
    made = reaction(followed.settings)
    assert made
    assert followed.settings.database_url

    def fold(connection: "psycopg.Connection[Any]", table: str) -> None:
        connection.execute(f"INSERT INTO {table} TABLE kept_{table}")

    def react(connection: "psycopg.Connection[Any]", table: str) -> None:
        identity = Identity("default", False, table.removesuffix("s"), tables[table])
        made.react(connection, [Standing(identity, [], whole=True, known_before=False, newest_changed=True)])

    url = followed.settings.database_url
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(url) as one, psycopg.connect(url) as other, ThreadPoolExecutor(1) as thread:
        fold(one, "payment_intents")
        fold(other, "refunds")
        react(one, "payment_intents")
        later = thread.submit(react, other, "refunds")
        while not later.done() and not followed.database.execute(waits).rowcount:
            pass
        one.commit()
        later.result(10)
        other.commit()
    assert (1, 1) == tuple(followed.told(f"cause LIKE '{outcome} %'") for outcome in ("paid", "refunded"))


def test_a_rebuild_tells_the_shop_nothing(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    followed.follow()
    followed.database.execute("DELETE FROM outbox")
    Rebuild(followed.settings).run()
    assert 0 == followed.told()


def test_a_drain_without_the_key_is_told_so(followed: Followed) -> None:
    with pytest.raises(NoKey, match="STRIPE_SECRET_KEY"):
        Drain(followed.settings.model_copy(update={"stripe_secret_key": None}))
