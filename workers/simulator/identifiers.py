"""Ids as Stripe makes them: unlike each other within a run, and between seeds."""

from hashlib import sha256

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE = len(ALPHABET)
_DIGITS = 8
_SPACE = _BASE**_DIGITS
_STRIDE = 130_287_064_051_713  # coprime to the space, so that counting by it visits every id once


class Identifiers:
    """An endless supply of ids, the same for the same seed.

    Each id ends in a counter, scattered over eight digits, after sixteen that stand for the seed: no two of
    one run are alike, and runs of different seeds share none.
    """

    def __init__(self, seed: str) -> None:
        self._run = _digits(int.from_bytes(sha256(seed.encode()).digest()), 16)
        self._place = 0

    def new(self, prefix: str) -> str:
        """A new id, as `ch_3Qx…`."""
        return f"{prefix}_{self.token()}"

    def token(self) -> str:
        """Twenty-four digits that appear nowhere else in the run."""
        self._place = (self._place + _STRIDE) % _SPACE
        return self._run + _digits(self._place, _DIGITS)


def _digits(number: int, count: int) -> str:
    digits = []
    for _ in range(count):
        number, digit = divmod(number, _BASE)
        digits.append(ALPHABET[digit])
    return "".join(digits)
