"""One event of a life, as the page shows it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from ingest.event import Event
from projections.causality import CREATED, DELETED, observed, prefix
from projections.dashboard.difference import Changed, changed
from projections.dashboard.known import known
from projections.dashboard.values import secret

LATE = timedelta(minutes=1)

PAYLOAD = 20_000
"""Characters of a payload that are shown."""

HIDDEN = "(hidden)"
_UNREAD_SECRET = re.compile(r'("(?:[^"\\]*_)?secret"\s*:\s*)"(?:[^"\\]|\\.)*"?')

_ALL = "*"
"""What a dead letter names where no projection was reached."""


@dataclass(frozen=True)
class Moment:
    """`event` is None where it was never read, as it harms its readers."""

    row: Mapping[str, Any]
    event: Event | None
    before: Event | None
    overtaken: bool
    letters: Sequence[Mapping[str, Any]]

    template = "moment.html"

    @property
    def clock(self) -> tuple[datetime, int]:
        """Stripe's second, and the event's phase in it."""
        return self.row["created_at"], prefix(self.event).phase if self.event else 1

    @property
    def observed(self) -> bool:
        return bool(self.event and observed(self.event))

    @property
    def late(self) -> bool:
        return bool(self.row["applied_at"] - self.row["created_at"] > LATE)

    @property
    def unborn(self) -> bool:
        """Whether it is the first that is known of an object that was there before it."""
        first = self.event and self.before is None and not self.row["alone"]
        return bool(first and self.event and prefix(self.event).phase != CREATED)

    @property
    def deleted(self) -> bool:
        return bool(self.event and prefix(self.event).phase == DELETED)

    @property
    def stale(self) -> Sequence[str]:
        """The tables that show an older state than this event's."""
        return [letter["projection"] for letter in self.letters if letter["projection"] != _ALL]

    def changed(self, zone: str) -> Changed:
        """What it changed; of the first event what is known by it, beside what it says to have changed."""
        if self.event is None:
            return Changed([], 0)
        told = changed(self.event, self.before, zone)
        return told if self.before else Changed([*told.changes, *self._new(told, zone)], told.more)

    def _new(self, told: Changed, zone: str) -> list[Any]:
        assert self.event
        changed_already = {each.path for each in told.changes}
        return [each for each in known(self.event, zone) if each.path not in changed_already]

    @property
    def payload(self) -> str:
        """For reading: indented, without what is secret, and not beyond PAYLOAD characters."""
        if self.event is None:
            return _UNREAD_SECRET.sub(rf'\1"{HIDDEN}"', str(self.row["payload"]))
        text = orjson.dumps(_unsecret(self.event.body), option=orjson.OPT_INDENT_2).decode()
        return text if len(text) <= PAYLOAD else f"{text[:PAYLOAD]}\n…"


def _unsecret(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: HIDDEN if secret(name) and each else _unsecret(each) for name, each in value.items()
            }
        case list():
            return [_unsecret(each) for each in value]
    return value
