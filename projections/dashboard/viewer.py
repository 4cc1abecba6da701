"""Who looks: what the gate knows of a request that it lets through."""

from typing import NamedTuple

VIEWER = "hooklog.viewer"
"""Where a request's scope holds its Session; None where nobody is logged in."""


class Session(NamedTuple):
    """Who is logged in (empty: whoever came by a link), and the log-in's own id."""

    user: str
    id: str
