"""The configured plans."""

from ingest.settings import Settings
from projections.projection import Plan, Plans


def read(settings: Settings) -> Plans:
    """The plans that STRIPE_PRICE_… configure, by price id."""
    return {price: Plan(*plan) for price, plan in settings.prices.items()}
