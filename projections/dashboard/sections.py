"""The overview's order: what stands where, each figure once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from projections.dashboard.figure import Figure
from projections.dashboard.figures import customers, payments, revenue, subscriptions

FIGURES: Mapping[str, Figure] = {
    figure.name: figure
    for module in (payments, revenue, customers, subscriptions)
    for figure in module.FIGURES
}


class Section(NamedTuple):
    """A heading, and the names of the figures below it."""

    title: str
    figures: Sequence[str]


SECTIONS = (
    Section("Payments", ("revenue", "success", "failures", "customers", "refunds", "disputes", "balance")),
    Section("Recurring revenue", ("mrr", "mrr-daily", "quick-ratio", "arpu", "ltv")),
    Section(
        "Who stays",
        ("churn", "revenue-retention", "trial-conversion", "dunning-recovery", "retention"),
    ),
    Section("Subscriptions", ("subscriptions-by-status", "subscriptions-by-plan")),
    Section("Latest", ("latest",)),
)
