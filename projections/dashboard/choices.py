"""What can be chosen: the currencies and sources that there are; and what a view leaves open, settled."""

from dataclasses import dataclass, replace
from typing import Any

from projections.dashboard.answers import Answers
from projections.dashboard.view import View

_LIVEMODE = "SELECT default_livemode() AS livemode"
_FOUND = """
SELECT currency, split_value AS source, sum(payments) AS payments
FROM payment_metrics('2010-01-01', %(until)s, 'all', 'source', livemode => %(livemode)s)
GROUP BY currency, split_value
UNION ALL
SELECT DISTINCT currency, NULL, 0 FROM mrr_movements WHERE livemode = %(livemode)s AND currency IS NOT NULL
"""


@dataclass(frozen=True)
class Choices:
    """The currencies, that of most payments first; the sources; and whether there are live data at all."""

    currencies: list[str]
    sources: list[str]
    live: bool


async def find(view: View, answers: Answers) -> tuple[View, Choices]:
    """The view with nothing left open, and what else could be chosen. Raises psycopg.Error."""
    [default] = await answers.anew(_LIVEMODE, {})  # which the very first event decides
    livemode = default["livemode"] if view.livemode is None else view.livemode
    parameters: dict[str, Any] = {"until": view.span.until, "livemode": livemode}
    found = (await answers.recent(_FOUND, parameters, livemode)).rows or await answers.anew(
        _FOUND, parameters
    )
    sizes: dict[str, int] = {}
    for row in found:
        sizes[row["currency"]] = sizes.get(row["currency"], 0) + int(row["payments"] or 0)
    currencies = sorted(sizes, key=lambda currency: (-sizes[currency], currency))
    sources = sorted({row["source"] for row in found if row["source"]})
    chosen = view.currency or (currencies[0] if currencies else None)
    settled = replace(view, livemode=livemode, currency=chosen)
    return settled, Choices(currencies, sources, default["livemode"])
