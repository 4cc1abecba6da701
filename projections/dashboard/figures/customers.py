"""Customers of subscriptions: what one is worth, and how trials and failed payments end."""

from projections.dashboard.figure import Column, Figure, Kind, Periods, Series

FIGURES = (
    Figure(
        name="arpu",
        title="Revenue per customer",
        function="arpu",
        query="""
        SELECT period_start, currency, mrr_end, customers_end, arpu, incomplete
        FROM arpu(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("mrr_end", Kind.MONEY, "MRR"),
            Column("customers_end", Kind.COUNT, "Customers"),
            Column("arpu", Kind.MONEY, "A month per customer"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods((Series("arpu", "accent", look="line"),)),
        incomplete=("incomplete",),
        empty="Nobody pays for a subscription in this range and currency.",
    ),
    Figure(
        name="ltv",
        title="Lifetime value",
        function="ltv",
        by="month",
        note="By whole months, however the range is divided.",
        query="""
        SELECT period_start, currency, arpu, customers_start, lost_customers, customer_churn_rate, ltv,
            incomplete
        FROM ltv(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("arpu", Kind.MONEY, "A month per customer"),
            Column("customers_start", Kind.COUNT, "Customers at the start"),
            Column("lost_customers", Kind.COUNT, "Lost"),
            Column("customer_churn_rate", Kind.RATE, "Customer churn"),
            Column("ltv", Kind.MONEY, "Lifetime value"),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods((Series("ltv", "good", look="line"),)),
        incomplete=("incomplete",),
        empty="No month in this range and currency in which a customer left: so no lifetime can be told.",
    ),
    Figure(
        name="trial-conversion",
        title="Trials that became customers",
        function="trial_conversion",
        query="""
        SELECT period_start, currency, trials_ended, converted, trial_conversion_rate, undecided, incomplete
        FROM trial_conversion(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("trials_ended", Kind.COUNT, "Trials that ended"),
            Column("converted", Kind.COUNT),
            Column("trial_conversion_rate", Kind.RATE, "Rate"),
            Column("undecided", Kind.COUNT),
            Column("incomplete", Kind.COUNT),
        ),
        chart=Periods((Series("trial_conversion_rate", "good", look="line"),)),
        incomplete=("undecided", "incomplete"),
        empty="No trial ended in this range and currency.",
    ),
    Figure(
        name="dunning-recovery",
        title="Failed renewals recovered",
        function="dunning_recovery",
        query="""
        SELECT period_start, currency, past_due, left_past_due, recovered, canceled, unpaid,
            dunning_recovery_rate, still_past_due
        FROM dunning_recovery(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("past_due", Kind.COUNT),
            Column("left_past_due", Kind.COUNT, "Left it"),
            Column("recovered", Kind.COUNT),
            Column("canceled", Kind.COUNT),
            Column("unpaid", Kind.COUNT),
            Column("dunning_recovery_rate", Kind.RATE, "Rate"),
            Column("still_past_due", Kind.COUNT),
        ),
        chart=Periods((Series("dunning_recovery_rate", "good", look="line"),)),
        empty="No subscription left past due in this range and currency.",
    ),
)
