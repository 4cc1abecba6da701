"""A world in which time passes only when the next thing happens: its clock, its ids, its record.

What happens is told by stories: generators that make and change facts, and yield how many seconds pass
until they go on. Stories interleave; everything is decided by the seed.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple, TypeVar

from workers.simulator.identifiers import Identifiers

HOUR = 3600
DAY = 24 * HOUR

Story = Generator[int, None, None]
"""Yields the seconds that pass before it goes on."""


F = TypeVar("F", bound=Any)


class Change(NamedTuple):
    """Something that happened, in no API version yet: an event of type `kind` with the states around it.

    `created` is what Stripe's clock says, which can be a second off. `request_id` is None for what Stripe
    did by itself.
    """

    event_id: str
    kind: str
    created: int
    before: Any
    after: Any
    request_id: str | None


class World:
    """Stripe's account and everybody who pays into it, as seen by Stripe."""

    def __init__(self, seed: str, start: int) -> None:
        self.now = start
        self.random = Random(seed)  # noqa: S311 -- it decides a made-up world
        self.ids = Identifiers(seed)
        self._queue: list[tuple[int, int, int, Story]] = []
        self._scheduled = 0
        self._told: list[Change] = []
        self._request: str | None = None

    def begin(self, story: Story) -> None:
        """Let a story begin now, beside the others."""
        self._schedule(0, story)

    def make(self, kind: str, fact: F, *, late: int = 0) -> F:
        """A new object. `late` is how many seconds the event's clock is behind the truth."""
        return self._tell(kind, None, fact, late)

    def change(self, kind: str, fact: F, *, late: int = 0, **changes: Any) -> F:
        """An object that is no longer as it was."""
        changed: F = replace(fact, **changes)
        return self._tell(kind, fact, changed, late)

    def repeat(self, kind: str, fact: F, before: F | None = None, *, late: int = 0) -> F:
        """One more event about a state; `before` is the state whose change it tells once more."""
        return self._tell(kind, before, fact, late)

    def run(self, until: int | None = None) -> Iterator[Change]:
        """What happens, in the order in which it does, up to (not including) an instant."""
        while self._queue and (until is None or self._queue[0][0] < until):
            self.now, _, waited, story = heappop(self._queue)
            # What happens hours later is Stripe's or a bank's doing, and no request asked for it.
            self._request = None if waited >= HOUR else self.ids.new("req")
            wait = next(story, None)
            if wait is not None:
                self._schedule(wait, story)
            yield from self._told
            self._told.clear()

    def _schedule(self, wait: int, story: Story) -> None:
        self._scheduled += 1
        heappush(self._queue, (self.now + wait, self._scheduled, wait, story))

    def _tell(self, kind: str, before: F | None, after: F, late: int) -> F:
        self._told.append(Change(self.ids.new("evt"), kind, self.now + late, before, after, self._request))
        return after
