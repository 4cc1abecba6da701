"""A reaction: what other systems are told of what a transaction changed, written into the outbox with it.

A reaction works in SQL, over rows that are folded already: nothing in a payload can make it fail. It is given
objects whose events arrived, so a rebuild, to which nothing arrives, tells nobody anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from projections.heads import Standing

React = Callable[["Connection[Any]", Sequence[Standing]], None]


@dataclass(frozen=True)
class Reaction:
    """What to do when events of these object types were folded, in the transaction that folded them."""

    reads: frozenset[str]
    react: React
