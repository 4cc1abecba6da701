"""How recurring revenue is reckoned where merchants legitimately differ."""

from collections.abc import Mapping
from dataclasses import dataclass

_DURATIONS: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "forever": frozenset({"forever"}),
    "lasting": frozenset({"forever", "repeating"}),
    "all": frozenset({"forever", "repeating", "once"}),
}

DISCOUNTS = tuple(_DURATIONS)


@dataclass(frozen=True)
class Rules:
    """The configured rules: an input like the events, so changing one asks for a rebuild.

    `past_due_days` is for how many days a subscription that is past due still counts; None for as long as
    it is so. `discounts` says which coupons subtract, by their duration: `lasting` ones are those that are
    forever, and repeating ones until their end. After a trial a subscription counts from its `activation`
    or its `first_payment`. A cancellation that is asked for takes effect at its `end` or at its `request`.
    """

    past_due_days: int | None = None
    discounts: str = "lasting"
    trial: str = "activation"
    churn_at: str = "end"

    @property
    def durations(self) -> frozenset[str]:
        """The durations of the coupons that subtract."""
        return _DURATIONS[self.discounts]


DEFAULT = Rules()
