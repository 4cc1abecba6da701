"""A simulated business, and everything that Stripe would say about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson

from workers.simulator.catalogue import Catalogue, season_after_season
from workers.simulator.deck import Deck
from workers.simulator.dialect import VERSIONS, Dialect
from workers.simulator.memberships import MEMBERSHIPS
from workers.simulator.observing import Watch
from workers.simulator.purchases import PURCHASES
from workers.simulator.rendering import events
from workers.simulator.shop import Shop
from workers.simulator.subscriber import Subscriber
from workers.simulator.world import DAY, Change, Story, World

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Simulation:
    """What happened (`changes`, in the true order), and how it is told: version, account, live or test."""

    changes: tuple[Change, ...]
    api_version: str
    account: str | None
    livemode: bool

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Stripe's events in the order in which it truly made them, which their clock need not follow."""
        return list(events(self.changes, Dialect(self.api_version, self.livemode), self.account))

    @cached_property
    def observed(self) -> list[dict[str, Any]]:
        """The events, and between them what would be seen at Stripe where they only name it."""
        return list(Watch(Dialect(self.api_version, self.livemode), self.account).tell(self.changes))

    def in_version(self, api_version: str) -> "Simulation":
        """The same business told in another version: the same event ids in another shape."""
        return replace(self, api_version=api_version)

    def bodies(self) -> list[bytes]:
        """Each event as it is sent."""
        return [orjson.dumps(event) for event in self.events]

    @cached_property
    def objects(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The true final state of every object, by (type, id); of those that vanished, the last."""
        return {_key(event): event["data"]["object"] for event in self.events if _lasts(event)}

    @cached_property
    def deleted(self) -> set[tuple[str, str]]:
        """The objects that vanished for good: what is used again after a deletion is there."""
        newest = {_key(event): event["type"] for event in self.events if _lasts(event)}
        return {key for key, kind in newest.items() if vanishes(kind)}


def vanishes(kind: str) -> bool:
    """Whether an event of this type is its object's end. A canceled subscription lives on."""
    return kind.endswith(".deleted") and kind != "customer.subscription.deleted"


def simulate(
    *,
    seed: int = 1,
    payments: int = 50,
    subscriptions: int = 20,
    start: datetime = START,
    days: int = 120,
    api_version: str = VERSIONS[-1],
    account: str | None = None,
    livemode: bool = False,
) -> Simulation:
    """A shop that takes `payments` orders and a platform that gains `subscriptions` in so many days.

    The same arguments give the same business to the byte. Another seed or start shares no id with it.
    """
    changes = tuple(live(seed=seed, payments=payments, subscriptions=subscriptions, start=start, days=days))
    return Simulation(changes, api_version, account, livemode)


def stream(
    *,
    seed: int = 1,
    payments: int,
    subscriptions: int,
    start: datetime = START,
    days: int = 120,
    api_version: str = VERSIONS[-1],
    account: str | None = None,
    livemode: bool = False,
    observed: bool = False,
) -> Iterator[dict[str, Any]]:
    """The events of `simulate`, `observed` if that is wanted, one at a time: what is over is forgotten."""
    changes = live(seed=seed, payments=payments, subscriptions=subscriptions, start=start, days=days)
    dialect = Dialect(api_version, livemode)
    return Watch(dialect, account).tell(changes) if observed else events(changes, dialect, account)


def live(*, seed: int, payments: int, subscriptions: int, start: datetime, days: int) -> Iterator[Change]:
    """What happens in those days, in the order in which it does."""
    opening = int(start.timestamp())
    world = World(f"{seed} {opening}", opening)
    if payments:
        shop = Shop(world)
        world.begin(shop.payouts())
        world.begin(_trade(shop, payments, days * DAY))
    if subscriptions:
        world.begin(season_after_season(world))
        world.begin(_grow(world, subscriptions, days * DAY * 9 // 10))
    return world.run(until=opening + days * DAY)


def _trade(shop: Shop, orders: int, duration: int) -> Story:
    plots = Deck(shop.world.random, PURCHASES)
    for wait in arrivals(shop.world, orders, duration):
        yield wait
        shop.world.begin(plots.deal()(shop))


def _grow(world: World, subscribers: int, duration: int) -> Story:
    catalogue = Catalogue(world)
    plots = Deck(world.random, MEMBERSHIPS)
    for number, wait in enumerate(arrivals(world, subscribers, duration)):
        yield wait
        world.begin(plots.deal()(Subscriber(world, catalogue, number)))


def arrivals(world: World, count: int, duration: int) -> Iterator[int]:
    """The waits between `count` arrivals that are spread evenly, by chance, over so many seconds."""
    left = float(duration)
    for remaining in range(count, 0, -1):
        wait = left * (1 - world.random.random() ** (1 / remaining))
        left -= wait
        yield int(wait)


def _key(event: dict[str, Any]) -> tuple[str, str]:
    subject = event["data"]["object"]
    return subject["object"], subject.get("id", "")


def _lasts(event: dict[str, Any]) -> bool:
    return bool(event["type"] != "invoice.upcoming")
