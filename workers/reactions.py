"""The reactions that there are."""

from collections.abc import Callable, Sequence

from ingest.settings import Settings
from workers import access_reaction, lookup_reaction, order_reaction, payment_reaction
from workers.reaction import Reaction

REACTIONS: Sequence[Callable[[Settings], Reaction | None]] = (
    access_reaction.reaction,
    payment_reaction.reaction,
    order_reaction.reaction,
    lookup_reaction.reaction,
)
"""Each gives its reaction where the settings ask for one. They run, and take their locks, in this order."""


def configured(settings: Settings) -> list[Reaction]:
    """The reactions that these settings ask for."""
    return [reaction for make in REACTIONS if (reaction := make(settings)) is not None]
