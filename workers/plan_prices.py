"""Plans that cannot be sold, since no price is configured for them."""

from ingest.settings import BILLING_CYCLES, Settings

PLAN_TYPES = ("basic", "pro", "enterprise")


def unconfigured(settings: Settings) -> list[str]:
    """The variables of the plans that have no price."""
    sold = set(settings.prices.values())
    return [
        f"STRIPE_PRICE_{plan_type.upper()}_{name}"
        for plan_type in PLAN_TYPES
        for name, cycle in BILLING_CYCLES.items()
        if (plan_type, cycle) not in sold
    ]
