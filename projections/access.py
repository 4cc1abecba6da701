"""Access: what a user's platform is to be told, at this moment and at instants that are known already. Pure.

The database says who has access at any instant (`user_access_at`), from stored facts alone. So what only
time will bring is written down at once, for the instants at which a subscription's access begins or ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

TICK = timedelta(microseconds=1)


class Access(NamedTuple):
    """What a user has, as the columns of `user_access` say it."""

    plan_type: str | None
    has_access: bool
    access_until: datetime | None
    reason: str
    subscription_id: str | None


NOTHING = Access(None, False, None, "none", None)
"""What a user has of whom nothing is known."""


class Due(NamedTuple):
    """Access that is to be told when the instant has come."""

    at: datetime
    access: Access


def retold(timeline: Sequence[Due], told: Due | None, planned: Sequence[Due]) -> list[Due] | None:
    """What is to be told in place of what was planned; None where that still holds.

    `timeline` is the user's access now and at every later instant at which it may change; `told` is what was
    told last, None where that was nothing, and `planned` what is to be told later: all in order of time. Only
    changes are told, each later than the one before; of a user who never had access nothing is told.
    """
    wanted: list[Due] = []
    last = told
    for due in timeline:
        if due.access == (last.access if last else NOTHING) or (last is None and _never_had(due.access)):
            continue
        last = Due(max(due.at, last.at + TICK), due.access) if last else due
        wanted.append(last)
    return None if wanted == list(planned) else wanted


def _never_had(access: Access) -> bool:
    return not access.has_access and access.reason == NOTHING.reason
