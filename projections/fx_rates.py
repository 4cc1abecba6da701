"""Foreign exchange rates: what one unit of the base cost of each currency on a day, as it was loaded last.

A day's rates of one provider are an object, `fx_rates`, whose id is the day. It is of no Stripe account and
neither live nor test, but an identity has an account and a mode, and so: its account is the provider, which
is who told of it, so that two providers never mix and no STRIPE_ACCOUNT renames what was loaded before; and
it is not live, since nothing is that does not say so, and a stack that has test data only must not seem to
have more. Whoever converts asks for neither: live and test payments have the same rates.

A load adds, and replaces what it gives differently; what it leaves out stays. Which load is the later is
told by its `revision` of the day (see causality).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from ingest.event import Event
from projections.fields import required
from projections.projection import Projection, Row


def fold(events: Sequence[Event]) -> Iterator[Row]:
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        told = event.object
        for currency, rate in required(told, "rates", dict).items():
            rows[currency] = {
                "currency": currency,
                "rate": _exact(rate),
                "day": required(told, "day", str),
                "base": required(told, "base", str),
                "provider": required(told, "provider", str),
                "revision": required(told, "revision", int),
                "source": event.source,
                "updated_at": event.created_at,
            }
    yield from rows.values()


def _exact(rate: object) -> str:
    """The rate in decimal digits, which a number of JSON's would not keep. Raises TypeError, ValueError."""
    if type(rate) is not str:
        raise TypeError("a rate is no string of digits")
    if not Decimal(rate).is_finite() or Decimal(rate) <= 0:
        raise ValueError("a rate is not positive")
    return rate


PROJECTION = Projection(table="fx_rates", reads=("fx_rates",), fold=fold, key=("currency",), history=True)
