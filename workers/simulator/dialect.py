"""The API versions that an account or an endpoint may speak, and what each changed."""

from typing import NamedTuple

VERSIONS = (
    "2020-08-27",
    "2022-11-15",
    "2024-06-20",
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-10-28.endive",
)

LATEST_CHARGE_ALONE = "2022-11-15"
"""PaymentIntents name their latest charge instead of listing charges; charges no longer list refunds."""
DISCOUNTS = "2024-06-20"
"""Subscriptions list any number of discounts, by id."""
BASIL = "2025-03-31.basil"
"""Invoices no longer name their payment, nor payments their invoice; periods moved to items."""
CLOVER = "2025-09-30.clover"
"""A discount's coupon moved to its source, as an id."""
CUSTOMER_ACCOUNT = "2025-12-15.clover"
"""A customer_account may stand where a customer stood."""
ENDIVE = "2026-09-30.endive"
"""Why a subscription is paused stands in status_details."""


class Dialect(NamedTuple):
    """How objects are told: in which version, of live or test data; `expanded` as to who asks for that."""

    version: str
    livemode: bool
    expanded: bool = False

    def before(self, version: str) -> bool:
        """Whether what `version` changed has not yet changed here. Versions sort as their dates do."""
        return self.version < version
