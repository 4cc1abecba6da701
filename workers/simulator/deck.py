"""A deck of cards: chance that leaves nothing out."""

from collections.abc import Hashable, Mapping
from random import Random
from typing import Generic, TypeVar

Card = TypeVar("Card", bound=Hashable)


class Deck(Generic[Card]):
    """Deals every card as often as it is in the deck before it is shuffled again."""

    def __init__(self, random: Random, cards: Mapping[Card, int]) -> None:
        self._random = random
        self._cards = [card for card, count in cards.items() for _ in range(count)]
        self._left: list[Card] = []

    def deal(self) -> Card:
        """The next card."""
        if not self._left:
            self._left = self._random.sample(self._cards, len(self._cards))
        return self._left.pop()
