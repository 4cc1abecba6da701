"""What an analyst sees after the demo: the tables are queries that anybody can type."""

from collections.abc import Iterator
from decimal import Decimal
from typing import LiteralString, NamedTuple

import psycopg
from rich.box import SIMPLE_HEAD
from rich.table import Table

QUESTION = "SELECT * FROM payments WHERE account = '{account}' ORDER BY created_at DESC LIMIT 10"


class Answer(NamedTuple):
    """A title, and the query whose columns and rows are the table; %(account)s is the account."""

    title: str
    query: LiteralString


ANSWERS = (
    Answer(
        "Payments by currency and status (amounts in minor units)",
        """
        SELECT currency, status, count(*), sum(amount_received) AS received,
            sum(amount_refunded) AS refunded, sum(amount_lost) AS lost
        FROM payments WHERE account = %(account)s GROUP BY currency, status ORDER BY currency, status
        """,
    ),
    Answer(
        "Subscriptions by status and plan",
        """
        SELECT status, plan_type AS plan, count(*) AS subscriptions
        FROM subscriptions WHERE account = %(account)s GROUP BY status, plan_type ORDER BY status, plan_type
        """,
    ),
    Answer(
        "Month by month",
        """
        SELECT to_char(month, 'YYYY-MM') AS month,
            count(*) FILTER (WHERE what = 'payment') AS payments_succeeded,
            count(*) FILTER (WHERE what = 'created') AS subscribed,
            count(*) FILTER (WHERE what = 'cancelled') AS cancelled
        FROM (
            SELECT date_trunc('month', created_at, 'UTC') AS month, 'payment' AS what
            FROM payments WHERE account = %(account)s AND status = 'succeeded'
            UNION ALL
            SELECT date_trunc('month', created_at, 'UTC'), event_type
            FROM subscription_events WHERE account = %(account)s
        ) AS happened
        GROUP BY month ORDER BY month
        """,
    ),
    Answer(
        "Churn by cause (monthly amount in minor units)",
        """
        SELECT cause, currency, count(*) AS subscriptions, sum(monthly_amount) AS monthly_amount,
            to_char(avg(lived), 'FMDDD "days"') AS lived
        FROM churn WHERE account = %(account)s GROUP BY cause, currency ORDER BY cause, currency
        """,
    ),
)


def tables(connection: psycopg.Connection, account: str) -> Iterator[Table]:
    """The answers, for one Stripe account."""
    for title, query in ANSWERS:
        with connection.execute(query, {"account": account}) as cursor:
            table, rows = (
                Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)),
                cursor.fetchall(),
            )
            for place, column in enumerate(cursor.description or ()):
                numeric = any(isinstance(row[place], int | Decimal) for row in rows)
                # A number is never cut: where a terminal is narrow, words are folded.
                table.add_column(
                    column.name.replace("_", " "),
                    justify="right" if numeric else "left",
                    no_wrap=numeric,
                    overflow="fold",
                )
            for row in rows:
                table.add_row(*("" if value is None else str(value) for value in row))
            yield table
