"""Python's garbage collector, kept from walking what it cannot free."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No collection within the block.

    A batch of parsed events is a hundred thousand dicts, without a cycle among them, that all live until it
    is applied: the collector would walk them again and again, for a quarter of the drain's time, and find
    nothing. They are freed by their reference counts.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
