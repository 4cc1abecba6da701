"""A simulated business over any periods: the waterfall adds up, and any instant tells what was true then."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zlib import crc32

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.event import Event
from tests.conftest import Servers, own_pipeline
from tests.pipeline import Pipeline, delivered
from tests.revenue import ask
from workers.simulator import simulate

OPENED = datetime(2024, 1, 1, tzinfo=UTC)
OVER = OPENED + timedelta(days=400)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
MOVEMENTS = ("opening", "new", "reactivation", "expansion", "contraction", "churn")
TOLD = {"subscription", "discount"}

# The state that each ledger's last movement before an instant left behind, told by itself.
STANDING = """
SELECT sum(mrr_after) AS mrr, count(*) FILTER (WHERE mrr_after <> 0 OR incomplete_after) AS customers
FROM (
    SELECT DISTINCT ON (account, customer_id, currency) mrr_after, incomplete_after
    FROM mrr_movements WHERE currency = %(currency)s AND at < %(until)s
    ORDER BY account, customer_id, currency, at DESC, kind = 'opening'
) AS ends
"""


def told(seed: int = 7, version: str = "2024-06-20") -> list[Event]:
    """A year of subscriptions, two a customer, from two endpoints; the oldest were not seen to begin."""
    events = []
    for body in simulate(
        seed=seed, payments=1, subscriptions=30, start=OPENED, days=400, api_version=version
    ).bodies():
        event = orjson.loads(body)
        subject = event["data"]["object"]
        if subject["object"] not in TOLD or event["created"] < OPENED.timestamp() + 20 * 86_400:
            continue
        subject["customer"] = f"cus_{crc32(subject['customer'].encode()) % 15}"
        source = "shop" if crc32(str(subject.get("id")).encode()) % 2 else "platform"
        events.append(delivered(event, source))
    return events


@pytest.fixture(scope="module")
def business(servers: Servers) -> Iterator[Pipeline]:
    with own_pipeline(servers) as pipeline:
        pipeline.deliver(*told())
        pipeline.run()
        assert [] == pipeline.rows("mrr_ledger_residual")
        assert set(MOVEMENTS) == {row["kind"] for row in pipeline.rows("mrr_movements")}
        yield pipeline


instants = st.integers(-10, 420 * 86_400).map(lambda seconds: OPENED + timedelta(seconds=seconds))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    ends=st.tuples(instants, instants),
    by=st.sampled_from(["day", "week", "month", "quarter", "year", "all"]),
    zone=st.sampled_from(ZONES),
    source=st.sampled_from([None, "shop", "platform", "nobody"]),
)
def test_start_and_movements_are_the_end_in_any_periods_currency_and_time_zone(
    business: Pipeline, ends: tuple[datetime, datetime], by: str, zone: str, source: str | None
) -> None:
    since, until = sorted(ends)
    rows = ask(business, "mrr_waterfall", since, until, by=by, source=source, time_zone=zone)
    by_currency: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        assert row["mrr_end"] == row["mrr_start"] + sum(row[kind] for kind in MOVEMENTS)
        by_currency[row["currency"]].append(row)
    daily = ask(business, "mrr_daily", since, until, source=source, time_zone=zone)
    for currency, periods in by_currency.items():
        assert [row["mrr_end"] for row in periods[:-1]] == [row["mrr_start"] for row in periods[1:]]
        assert (since, until) == (periods[0]["period_start"], periods[-1]["period_end"])
        last = [row for row in daily if row["currency"] == currency][-1]
        assert last["mrr"] == periods[-1]["mrr_end"]
        if source is None:
            [standing] = business.database.execute(
                STANDING, {"currency": currency, "until": until}
            ).fetchall()
            assert (standing["mrr"], standing["customers"]) == (last["mrr"], last["customers"])


def test_the_sources_add_up_to_the_whole(business: Pipeline) -> None:
    def sums(source: str | None) -> dict[Any, tuple[int, int]]:
        rows = ask(business, "mrr_daily", OPENED, OVER, source=source)
        return {(row["period_start"], row["currency"]): (row["mrr"], row["customers"]) for row in rows}

    parts, whole = [sums("shop"), sums("platform")], sums(None)
    assert all(parts)
    for key, (mrr, customers) in whole.items():
        assert mrr == sum(part.get(key, (0, 0))[0] for part in parts)
        assert customers == sum(part.get(key, (0, 0))[1] for part in parts)
    assert all(mrr >= 0 for part in parts for mrr, _ in part.values())


def test_rates_rest_on_what_stands_beside_them(business: Pipeline) -> None:
    rows = ask(business, "churn_metrics", OPENED, OVER, by="month", time_zone="Europe/Berlin")
    falls = {
        (row["period_start"], row["currency"]): row
        for row in ask(business, "mrr_waterfall", OPENED, OVER, by="month", time_zone="Europe/Berlin")
    }
    gone = 0
    for row in rows:
        fall = falls[row["period_start"], row["currency"]]
        explained = ("voluntary", "involuntary", "unexplained")
        assert row["churned_customers"] == sum(row[f"{each}_customers"] for each in explained)
        assert row["churn"] == sum(row[f"{each}_churn"] for each in explained) == fall["churn"]
        assert (row["customer_churn_rate"] is None) == (row["customers_start"] == 0)
        assert row["lost_customers"] <= min(row["customers_start"], row["churned_customers"])
        assert 0 <= (row["subscriber_churn_rate_stripe"] or 0) <= 1
        gone += row["churned_customers"]
    whys = [
        ask(business, "churn_reasons", OPENED, OVER, by="month", split=split)
        for split in ("reason", "feedback", "cause", "voluntary", "plan")
    ]
    assert {gone} == {sum(row["churned_customers"] for row in why) for why in whys}
    lost = ask(business, "churned_customers", OPENED, OVER)
    assert gone == len(lost)
    assert {True, False} <= {row["voluntary"] for row in lost}
    assert all(row["cause"] for row in lost)


# ------------------------------------------------------------------ time travel


def standing(pipeline: Pipeline, at: datetime) -> tuple[Any, Any]:
    totals = {
        row["currency"]: (row["mrr"], row["customers"])
        for row in ask(pipeline, "mrr_as_of", at)
        if row["customers"]
    }
    states = {
        row["subscription_id"]: {
            name: value for name, value in row.items() if name not in ("event_id", "stale", "valid_from")
        }
        for row in ask(pipeline, "subscriptions_as_of", at)
    }
    return totals, states


@pytest.mark.parametrize("version", ["2020-08-27", "2026-10-28.endive"])
def test_an_instant_tells_what_a_pipeline_tells_that_saw_only_what_was_made_until_then(
    pipeline: Pipeline, version: str
) -> None:
    events = told(version=version)
    instants = [OPENED + timedelta(days=days, hours=7) for days in (60, 120, 230, 390)]
    seen = {}
    for before, at in pairwise([OPENED, *instants]):
        pipeline.deliver(*(event for event in events if before < event.created_at <= at))
        pipeline.run()
        seen[at] = standing(pipeline, at)
        assert all(seen[at])
    pipeline.forget()
    Random(version).shuffle(events)  # now most of what an instant rests on comes late
    pipeline.deliver(*events)
    pipeline.run()
    for at in instants:
        totals, states = standing(pipeline, at)
        assert totals == seen[at][0]
        assert states == seen[at][1]


def test_what_subscriptions_add_is_the_mrr_of_the_instant_to_the_cent(business: Pipeline) -> None:
    for days in range(21, 400, 47):
        at = OPENED + timedelta(days=days)
        whole = {row["currency"]: row["mrr"] for row in ask(business, "mrr_as_of", at) if row["customers"]}
        assert whole == sums(ask(business, "subscriptions_as_of", at))
        assert whole == sums(ask(business, "mrr_by_plan", at))
        shop = {
            row["currency"]: row["mrr"]
            for row in ask(business, "mrr_as_of", at, source="shop")
            if row["customers"]
        }
        assert shop == sums(ask(business, "mrr_by_plan", at, source="shop"))


def sums(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        if row.get("counts", True):
            found[row["currency"]] += row["mrr"]
    return dict(found)


@pytest.mark.parametrize("split", [None, "status", "plan", "interval"])
def test_subscriptions_at_a_periods_end_are_those_of_that_instant(
    business: Pipeline, split: str | None
) -> None:
    column = {"status": "status", "plan": "plan_type", "interval": "interval", None: None}[split]
    ended = ("canceled", "incomplete_expired")
    rows = ask(business, "subscription_metrics", OPENED, OVER, by="month", split=split)
    for end in sorted({row["period_end"] for row in rows}):
        # Before the end itself: seconds are the least that Stripe's clock tells.
        states = ask(business, "subscriptions_as_of", end - timedelta(milliseconds=1))
        expected: defaultdict[Any, list[int]] = defaultdict(lambda: [0, 0])
        for state in states:
            if state["status"] not in ended:
                found = expected[state["currency"], column and state[column]]
                found[0] += 1
                found[1] += state["counts"]
        told = {
            (row["currency"], row["split_value"]): [row["subscriptions"], row["counting"]]
            for row in rows
            if row["period_end"] == end and row["subscriptions"]
        }
        assert expected == told
    made, over = sum(row["created"] for row in rows), sum(row["ended"] for row in rows)
    assert made > over > 0
