"""What a read model states: which objects it reads, its pure fold, and its table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ingest.event import Event
from projections.revenue_rules import DEFAULT, Rules

Row = Mapping[str, Any]


class Plan(NamedTuple):
    """What a price stands for: `plan_type` basic, pro or enterprise; `billing_cycle` month or year."""

    plan_type: str
    billing_cycle: str


Plans = Mapping[str, Plan]
"""The configured plans, by price id: an input like the events, so changing it asks for a rebuild."""


def always(event: Event) -> bool:
    """Every event tells it something."""
    return True


@dataclass(frozen=True)
class Projection:
    """A read model.

    `reads` names Stripe's object types. `fold` is pure: no I/O, no clock. It receives the object's newest
    event, or with `history=True` all of the object's events in causal order, and yields the *complete* set
    of rows that the object owns; applying replaces that set. `owner` is the column that holds the owning
    object's id; `key` the columns that tell its rows apart (empty where there is at most one). With
    `configured=True` the fold also receives the configured `Plans`, and with `ruled=True`, last, the
    configured `Rules` of recurring revenue.

    `concerns` goes with `history=True` and says which of the object's events tell it anything. The others
    are left out of what it receives, and where none else arrived the history is not even read: so its rows
    have a `source` and an `updated_at` of their own.

    `appends` goes with `history=True`, too, and promises that a row follows from one event and from those
    that share its prefix in the causal order. Then events that come after all others only add rows, and
    what it receives may begin with them.

    The columns `account`, `livemode` and `stale` are filled by whoever applies the rows, and so are `source`
    and `updated_at`, from the newest event, unless the fold yields them. A fold that raises makes a dead
    letter of its object, and nothing else waits for it.
    """

    table: str
    reads: tuple[str, ...]
    fold: Callable[..., Iterable[Row]]
    owner: str = "id"
    key: tuple[str, ...] = ()
    history: bool = False
    appends: bool = False
    configured: bool = False
    ruled: bool = False
    concerns: Callable[[Event], bool] = always

    def rows(self, events: Sequence[Event], plans: Plans, rules: Rules = DEFAULT) -> list[Row]:
        """What the object owns after `events`, which are its own, in causal order, the newest last.

        Raises ValueError for two rows of one key: which of them would stay is nothing to leave to chance.
        """
        told = [event for event in events if self.concerns(event)] if self.history else events[-1:]
        if not told:
            return []
        given: list[Any] = [told if self.history else told[-1]]
        given += [plans] * self.configured + [rules] * self.ruled
        rows = list(self.fold(*given))
        if len({tuple(row[column] for column in self.key) for row in rows}) < len(rows):
            raise ValueError(f"two rows of {self.table} under one key")
        return rows
