"""Subscriptions: how many there are, in which state and of which plan."""

from projections.dashboard.figure import Column, Figure, Kind, Parts

NO_SUBSCRIPTIONS = "No subscription in this range and currency."

FIGURES = (
    Figure(
        name="subscriptions-by-status",
        title="Subscriptions by status",
        function="subscription_metrics",
        query="""
        SELECT period_start, currency, split_value, subscriptions, counting, created, ended, mrr, incomplete
        FROM subscription_metrics(%(since)s, %(until)s, %(by)s, 'status',
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start, subscriptions DESC
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("split_value", Kind.NAME, "Status"),
            Column("subscriptions", Kind.COUNT),
            Column("counting", Kind.COUNT),
            Column("created", Kind.COUNT),
            Column("ended", Kind.COUNT),
            Column("mrr", Kind.MONEY, "MRR"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Parts("split_value", "subscriptions"),
        incomplete=("incomplete",),
        empty=NO_SUBSCRIPTIONS,
    ),
    Figure(
        name="subscriptions-by-plan",
        title="Subscriptions by plan",
        function="subscription_metrics",
        query="""
        SELECT period_start, currency, split_value, subscriptions, counting, created, ended, mrr, incomplete
        FROM subscription_metrics(%(since)s, %(until)s, %(by)s, 'plan',
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start, subscriptions DESC
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("split_value", Kind.NAME, "Plan"),
            Column("subscriptions", Kind.COUNT),
            Column("counting", Kind.COUNT),
            Column("created", Kind.COUNT),
            Column("ended", Kind.COUNT),
            Column("mrr", Kind.MONEY, "MRR"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Parts("split_value", "subscriptions"),
        incomplete=("incomplete",),
        empty=NO_SUBSCRIPTIONS,
    ),
)
