"""The events that are measured with: a simulated shop and platform, in an order of arrival."""

from itertools import islice
from math import ceil
from pathlib import Path
from random import Random

import orjson

from workers.simulator import deliveries, stream

PAYMENTS, SUBSCRIPTIONS = 1, 2
"""One-time payments to subscriptions: their events have 2.8 KB in the mean."""

EVENTS_A_SHARE = 60
"""What one share of payments and subscriptions brings, rounded down."""

STRAY = 200
"""How many places an event strays from the order in which Stripe made it: what a second holds."""


def business(seed: int, events: int) -> list[bytes]:
    """The bodies of so many events of a business that shares no id with another seed's."""
    shares = ceil(events / EVENTS_A_SHARE) + 1
    told = stream(seed=seed, payments=PAYMENTS * shares, subscriptions=SUBSCRIPTIONS * shares)
    bodies = [orjson.dumps(event) for event in islice(told, events)]
    assert len(bodies) == events, f"the business told of {len(bodies)} events, {events} were expected"
    return deliveries(bodies, Random(seed), duplicate=0, shuffle=STRAY, late=0)


def write(path: Path, bodies: list[bytes]) -> Path:
    """One body a line, as the load generator reads them; returns the path."""
    path.write_bytes(b"\n".join(bodies))
    return path
