"""How long a command may take, as an option."""

import math
from typing import Any

import click

MOST = 2_000_000.0
"""Three weeks: Postgres counts milliseconds in 31 bits."""


class Seconds(click.FloatRange):
    """A time from 0 to MOST."""

    name = "time"

    def __init__(self) -> None:
        super().__init__(min=0, max=MOST)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        return self.fail("it is no number of seconds.", param, ctx) if math.isnan(seconds) else seconds
