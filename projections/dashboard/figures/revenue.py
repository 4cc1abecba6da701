"""Recurring revenue: how much a month, why it changes, and who stays."""

from projections.dashboard.figure import Column, Figure, Kind, Matrix, Periods, Series

NO_REVENUE = "No recurring revenue in this range and currency. It begins with the first subscription's event."

FIGURES = (
    Figure(
        name="mrr",
        title="Monthly recurring revenue",
        function="mrr_waterfall",
        query="""
        SELECT period_start, currency, mrr_start, opening, "new", reactivation, expansion, contraction, churn,
            mrr_end, incomplete
        FROM mrr_waterfall(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("mrr_start", Kind.MONEY, "Start"),
            Column("opening", Kind.MONEY),
            Column("new", Kind.MONEY),
            Column("reactivation", Kind.MONEY),
            Column("expansion", Kind.MONEY),
            Column("contraction", Kind.MONEY),
            Column("churn", Kind.MONEY),
            Column("mrr_end", Kind.MONEY, "End"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods(
            (
                Series("new", "good"),
                Series("expansion", "good2"),
                Series("reactivation", "accent"),
                Series("opening", "quiet"),
                Series("contraction", "warn"),
                Series("churn", "bad"),
                Series("mrr_end", "ink", look="line", title="MRR"),
            ),
            stacked=True,
        ),
        incomplete=("incomplete",),
        empty=NO_REVENUE,
        wide=True,
    ),
    Figure(
        name="mrr-daily",
        title="MRR day by day",
        function="mrr_daily",
        by="day",
        note="At most the last 400 days of the range.",
        query="""
        SELECT period_start, currency, mrr, customers, incomplete
        FROM mrr_daily(%(since)s, %(until)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Day"),
            Column("mrr", Kind.MONEY, "MRR"),
            Column("customers", Kind.COUNT),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods((Series("mrr", "accent", look="line"),)),
        incomplete=("incomplete",),
        empty=NO_REVENUE,
    ),
    Figure(
        name="quick-ratio",
        title="Quick ratio",
        function="quick_ratio",
        query="""
        SELECT period_start, currency, gained, lost, quick_ratio, incomplete
        FROM quick_ratio(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("gained", Kind.MONEY),
            Column("lost", Kind.MONEY),
            Column("quick_ratio", Kind.NUMBER, "Quick ratio"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods((Series("quick_ratio", "good", look="line"),)),
        incomplete=("incomplete",),
        empty="No recurring revenue was lost in this range and currency: there is nothing to divide by.",
    ),
    Figure(
        name="churn",
        title="Churn rates",
        function="churn_metrics",
        query="""
        SELECT period_start, currency, customers_start, lost_customers, customer_churn_rate,
            subscriber_churn_rate_stripe, gross_mrr_churn_rate, net_mrr_churn_rate, incomplete
        FROM churn_metrics(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("customers_start", Kind.COUNT, "Customers at the start"),
            Column("lost_customers", Kind.COUNT, "Lost"),
            Column("customer_churn_rate", Kind.RATE, "Customers"),
            Column("subscriber_churn_rate_stripe", Kind.RATE, "Subscribers (Stripe's)"),
            Column("gross_mrr_churn_rate", Kind.RATE, "MRR, gross"),
            Column("net_mrr_churn_rate", Kind.RATE, "MRR, net"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods(
            (
                Series("customer_churn_rate", "bad", look="line"),
                Series("gross_mrr_churn_rate", "warn", look="line"),
                Series("net_mrr_churn_rate", "accent", look="line"),
            )
        ),
        incomplete=("incomplete",),
        empty=NO_REVENUE,
    ),
    Figure(
        name="revenue-retention",
        title="Revenue retention",
        function="churn_metrics",
        query="""
        SELECT period_start, currency, mrr_start, expansion, reactivation, contraction, churn,
            gross_revenue_retention, net_revenue_retention, incomplete
        FROM churn_metrics(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("mrr_start", Kind.MONEY, "MRR at the start"),
            Column("expansion", Kind.MONEY),
            Column("reactivation", Kind.MONEY),
            Column("contraction", Kind.MONEY),
            Column("churn", Kind.MONEY),
            Column("gross_revenue_retention", Kind.RATE, "Gross"),
            Column("net_revenue_retention", Kind.RATE, "Net"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods(
            (
                Series("net_revenue_retention", "good", look="line"),
                Series("gross_revenue_retention", "quiet", look="line"),
            )
        ),
        incomplete=("incomplete",),
        empty=NO_REVENUE,
    ),
    Figure(
        name="retention",
        title="Customers who stay",
        function="retention_cohorts",
        query="""
        SELECT cohort, currency, months, cohort_customers, customers, customer_retention, cohort_mrr, mrr,
            mrr_retention, incomplete, customers_without_cohort
        FROM retention_cohorts(%(since)s, %(until)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY cohort, months
        """,
        columns=(
            Column("cohort", Kind.INSTANT, "First payment in"),
            Column("months", Kind.COUNT, "Months later"),
            Column("cohort_customers", Kind.COUNT, "Of so many"),
            Column("customers", Kind.COUNT),
            Column("customer_retention", Kind.RATE, "Customers kept"),
            Column("cohort_mrr", Kind.MONEY, "Of so much MRR"),
            Column("mrr", Kind.MONEY, "MRR"),
            Column("mrr_retention", Kind.RATE, "MRR kept"),
            Column("incomplete", Kind.COUNT),
            Column("customers_without_cohort", Kind.COUNT, "In no cohort"),
        ),
        chart=Matrix("cohort", "months", "customer_retention"),
        incomplete=("incomplete", "customers_without_cohort"),
        empty="No customer paid for a first time in this range.",
        wide=True,
    ),
)
