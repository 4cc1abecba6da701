"""The overview's order: what stands where, each figure once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from projections.dashboard.figure import Figure
from projections.dashboard.figures import payments, revenue, subscriptions

FIGURES: Mapping[str, Figure] = {
    figure.name: figure for figure in (*payments.FIGURES, *revenue.FIGURES, *subscriptions.FIGURES)
}


class Section(NamedTuple):
    """A heading, and the names of the figures below it."""

    title: str
    figures: Sequence[str]


SECTIONS = (
    Section("Payments", ("revenue", "success", "failures", "customers", "refunds", "disputes", "balance")),
    Section(
        "Recurring revenue",
        (
            "mrr",
            "churn",
            "revenue-retention",
            "subscriptions-by-status",
            "subscriptions-by-plan",
            "retention",
        ),
    ),
    Section("Latest", ("latest",)),
)
