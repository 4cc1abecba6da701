"""Payments: revenue, how often payments succeed, why they fail, and what goes back."""

from projections.dashboard.figure import Column, Figure, Kind, Periods, Ranking, Series

NO_PAYMENTS = "No payment in this range. ./run demo feeds a simulated business; for your own, connect Stripe."

FIGURES = (
    Figure(
        name="revenue",
        title="Revenue",
        function="payment_metrics",
        query="""
        SELECT period_start, currency, paid_charges, gross, refunded, disputed, net, average,
            unseen_charges, unseen_disputes
        FROM payment_metrics(%(since)s, %(until)s, %(by)s, NULL,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("paid_charges", Kind.COUNT),
            Column("gross", Kind.MONEY),
            Column("refunded", Kind.MONEY),
            Column("disputed", Kind.MONEY, "Lost to disputes"),
            Column("net", Kind.MONEY),
            Column("average", Kind.MONEY),
            Column("unseen_charges", Kind.COUNT),
            Column("unseen_disputes", Kind.COUNT),
        ),
        chart=Periods((Series("net", "good"), Series("gross", "quiet", look="line"))),
        incomplete=("unseen_charges", "unseen_disputes"),
        empty=NO_PAYMENTS,
        wide=True,
    ),
    Figure(
        name="success",
        title="Success rates",
        function="payment_metrics",
        query="""
        SELECT period_start, payments, attempted, succeeded, payment_success_rate, attempt_success_rate,
            authorization_rate, payment_conversion_rate
        FROM payment_metrics(%(since)s, %(until)s, %(by)s, NULL,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("payments", Kind.COUNT),
            Column("attempted", Kind.COUNT),
            Column("succeeded", Kind.COUNT),
            Column("payment_success_rate", Kind.RATE, "Payments"),
            Column("attempt_success_rate", Kind.RATE, "Attempts"),
            Column("authorization_rate", Kind.RATE, "Authorised"),
            Column("payment_conversion_rate", Kind.RATE, "Conversion"),
        ),
        chart=Periods(
            (
                Series("payment_success_rate", "good", look="line"),
                Series("authorization_rate", "accent", look="line"),
                Series("attempt_success_rate", "quiet", look="line"),
            )
        ),
        empty=NO_PAYMENTS,
    ),
    Figure(
        name="failures",
        title="Failures by reason",
        function="payment_failures",
        query="""
        SELECT split_value, currency, failed_attempts, failed_amount, recovered_attempts,
            attempt_failure_rate
        FROM payment_failures(%(since)s, %(until)s, 'all', 'decline_code',
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        WHERE failed_attempts > 0
        ORDER BY failed_attempts DESC, split_value
        """,
        columns=(
            Column("split_value", Kind.NAME, "Reason"),
            Column("failed_attempts", Kind.COUNT, "Failed"),
            Column("recovered_attempts", Kind.COUNT, "Recovered"),
            Column("failed_amount", Kind.MONEY, "Amount"),
            Column("attempt_failure_rate", Kind.RATE, "Of all attempts"),
        ),
        chart=Ranking("split_value", "failed_attempts"),
        empty="No payment failed in this range.",
    ),
    Figure(
        name="customers",
        title="Customers who paid",
        function="payment_metrics",
        query="""
        SELECT period_start, currency, customers, new_customers, returning_customers, revenue_per_customer,
            anonymous_charges
        FROM payment_metrics(%(since)s, %(until)s, %(by)s, NULL,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("customers", Kind.COUNT),
            Column("new_customers", Kind.COUNT, "New"),
            Column("returning_customers", Kind.COUNT, "Returning"),
            Column("revenue_per_customer", Kind.MONEY),
            Column("anonymous_charges", Kind.COUNT),
        ),
        chart=Periods(
            (Series("returning_customers", "accent"), Series("new_customers", "good")), stacked=True
        ),
        incomplete=("anonymous_charges",),
        empty=NO_PAYMENTS,
    ),
    Figure(
        name="refunds",
        title="Refunds",
        function="refund_metrics",
        query="""
        SELECT period_start, currency, refunds, refund_amount, failed_refunds, refund_rate,
            refund_rate_by_amount, unseen_refunds
        FROM refund_metrics(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("refunds", Kind.COUNT),
            Column("refund_amount", Kind.MONEY, "Amount"),
            Column("failed_refunds", Kind.COUNT, "Failed"),
            Column("refund_rate", Kind.RATE),
            Column("refund_rate_by_amount", Kind.RATE, "By amount"),
            Column("unseen_refunds", Kind.COUNT),
        ),
        chart=Periods((Series("refund_amount", "warn"),)),
        incomplete=("unseen_refunds",),
        empty="Nothing was refunded in this range.",
    ),
    Figure(
        name="disputes",
        title="Disputes",
        function="dispute_metrics",
        query="""
        SELECT period_start, currency, disputes, dispute_amount, inquiries, disputes_won, disputes_lost,
            lost_amount, win_rate, dispute_activity, dispute_rate, unseen_disputes
        FROM dispute_metrics(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("disputes", Kind.COUNT),
            Column("dispute_amount", Kind.MONEY, "Amount"),
            Column("inquiries", Kind.COUNT),
            Column("disputes_won", Kind.COUNT, "Won"),
            Column("disputes_lost", Kind.COUNT, "Lost"),
            Column("lost_amount", Kind.MONEY, "Amount lost"),
            Column("win_rate", Kind.RATE),
            Column("dispute_activity", Kind.RATE),
            Column("dispute_rate", Kind.RATE),
            Column("unseen_disputes", Kind.COUNT),
        ),
        chart=Periods((Series("dispute_amount", "bad"), Series("lost_amount", "ink", look="line"))),
        incomplete=("unseen_disputes",),
        empty="Nothing was disputed in this range.",
    ),
    Figure(
        name="balance",
        title="Fees and cash",
        function="balance_metrics",
        query="""
        SELECT period_start, currency, transactions, cash, fees, paid_out, pending, pending_amount
        FROM balance_metrics(%(since)s, %(until)s, %(by)s,
            %(currency)s, %(source)s, %(livemode)s, %(time_zone)s)
        ORDER BY period_start
        """,
        columns=(
            Column("period_start", Kind.PERIOD, "Period"),
            Column("transactions", Kind.COUNT),
            Column("cash", Kind.MONEY),
            Column("fees", Kind.MONEY),
            Column("paid_out", Kind.MONEY),
            Column("pending", Kind.COUNT, "Fee not known"),
            Column("pending_amount", Kind.MONEY, "Of so much"),
        ),
        chart=Periods((Series("cash", "accent"), Series("fees", "warn"))),
        incomplete=("pending",),
        empty="No balance transaction is known in this range.",
    ),
    Figure(
        name="latest",
        title="Latest payments",
        function="payments",
        query="""
        SELECT created_at, id, status, payment_method_type, currency, amount
        FROM payments
        WHERE livemode = coalesce(%(livemode)s, (SELECT default_livemode()))
            AND (%(source)s::text IS NULL OR source = %(source)s)
        ORDER BY created_at DESC, id
        LIMIT 10
        """,
        columns=(
            Column("created_at", Kind.INSTANT, "Made at"),
            Column("id", Kind.ID, "Payment", life="payment_intent"),
            Column("status", Kind.NAME),
            Column("payment_method_type", Kind.NAME, "Method"),
            Column("amount", Kind.MONEY),
        ),
        empty=NO_PAYMENTS,
        wide=True,
    ),
)
