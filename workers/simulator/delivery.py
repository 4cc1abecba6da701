"""How events reach an endpoint: signed, late, twice, and in no order that could be relied upon."""

import hashlib
import hmac
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def sign(body: bytes, secret: str, at: int) -> str:
    """The `Stripe-Signature` header for a body sent at an instant, in seconds since 1970."""
    digest = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def deliveries(
    events: Sequence[T],
    random: Random,
    *,
    duplicate: float = 0.1,
    shuffle: bool | int = True,
    late: float = 0.02,
) -> list[T]:
    """The events as they arrive: every one at least once.

    `shuffle` is True for any order at all, or by how many places an event may stray at most, or False.
    `duplicate` is the share that comes twice; `late` the share that comes after everything else, as what
    was refused and tried again does.
    """
    stray = len(events) if shuffle is True else int(shuffle)
    arrivals: list[tuple[float, int, T]] = []
    for place, event in enumerate(events):
        for _ in range(1 + (random.random() < duplicate)):
            at = place + random.uniform(0, stray)
            if random.random() < late:
                at += len(events) + stray
            arrivals.append((at, len(arrivals), event))
    arrivals.sort(key=lambda arrival: arrival[:2])
    return [event for _, _, event in arrivals]
