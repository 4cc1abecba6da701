"""A simulated business that tests share, and ways to look at it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from workers.simulator import VERSIONS, Simulation, simulate

Body = Mapping[str, Any]


@cache
def business(seed: int = 1, version: str = VERSIONS[-1]) -> Simulation:
    """A year of a shop and a platform that deal their decks once: everything happens."""
    if version != VERSIONS[-1]:
        return business(seed).in_version(version)
    return simulate(seed=seed, payments=50, subscriptions=40, days=400)


def lives(simulation: Simulation) -> Iterator[tuple[tuple[str, str], list[Body]]]:
    """Each lasting object, by (type, id), with its events in the true order."""
    found: defaultdict[tuple[str, str], list[Body]] = defaultdict(list)
    for event in simulation.events:
        subject = event["data"]["object"]
        if event["type"] != "invoice.upcoming":
            found[subject["object"], subject.get("id", "")].append(event)
    yield from found.items()


def told(simulation: Simulation, kind: str) -> list[Any]:
    """The objects of the events of one type, as they were told."""
    return [event["data"]["object"] for event in simulation.events if event["type"] == kind]
