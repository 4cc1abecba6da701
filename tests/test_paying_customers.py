"""Customers who paid, new and returning, and guests."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

from tests.paying import APRIL, DECLINED, MAY, at, charge, figures


def test_a_returning_customer_paid_before_the_period_and_a_guest_is_known_by_mail(metrics):
    rows = metrics(
        charge("1", at(1), customer="cus_1"),
        charge("2", at(2), receipt_email="Guest@example.com"),
        charge("3", at(3), receipt_email="guest@example.com"),
        charge("4", at(1, month=4), customer="cus_1"),
        charge("5", at(2, month=4), customer="cus_2", amount_captured=3000),
        charge("6", at(3, month=4), receipt_email="GUEST@example.com"),
        charge("7", at(3, month=4), customer="cus_3", **DECLINED),
        charge("8", at(4, month=4)),
        until=MAY,
    )
    assert [figures(row, "customers", "new_customers", "returning_customers") for row in rows] == [
        [2, 2, 0],
        [3, 1, 2],
    ]
    assert [figures(row, "revenue_per_customer", "anonymous_charges") for row in rows] == [
        [1500, 0],
        [2000, 1],
    ]


def test_who_paid_in_another_currency_before_is_returning(metrics):
    rows = metrics(
        charge("1", at(1), customer="cus_1"),
        charge("2", at(1, month=4), customer="cus_1", currency="usd"),
        since=APRIL, until=MAY,
    )  # fmt: skip
    assert [figures(row, "currency", "new_customers", "returning_customers") for row in rows] == [
        ["usd", 0, 1]
    ]


def test_every_customer_is_counted_once_a_period_whatever_is_asked_for(metrics, pipeline, database):
    random = Random(7)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    paid = [
        (
            begin + timedelta(days=random.randrange(200), hours=random.randrange(24)),
            f"cus_{min(random.randrange(40), random.randrange(40))}",
            random.choice(("eur", "usd")),
            random.choice(("default", "eu")),
        )
        for _ in range(300)
    ]
    for source in ("default", "eu"):
        events = [
            charge(str(number), int(when.timestamp()), customer=customer, currency=currency)
            for number, (when, customer, currency, of) in enumerate(paid)
            if of == source
        ]
        pipeline.deliver(*events, source=source)
    pipeline.run()
    since, until = begin + timedelta(days=30), begin + timedelta(days=180)
    for by, currency, source, split in product(
        ("day", "week", "month"), (None, "usd"), (None, "eu"), (None, "source")
    ):
        rows = metrics(
            since=since,
            until=until,
            by=by,
            currency=currency,
            source=source,
            split=split,
            time_zone="Asia/Kathmandu",
        )
        told = {
            (row["period_start"], row["currency"], row["split_value"]): (
                row["customers"],
                row["returning_customers"],
            )
            for row in rows
            if row["customers"]
        }
        spans = database.execute(
            "SELECT * FROM period_starts(%s, %s, %s, 'Asia/Kathmandu')", [since, until, by]
        )
        expected = {}
        for start, end in ((span["period_start"], span["period_end"]) for span in spans):
            known = {customer for when, customer, *_ in paid if when < start}
            payers = defaultdict(set)
            for when, customer, in_currency, of in paid:
                if start <= when < end and currency in (None, in_currency) and source in (None, of):
                    payers[start, in_currency, split and of].add(customer)
            expected |= {key: (len(who), len(who & known)) for key, who in payers.items()}
        assert told == expected, (by, currency, source, split)
