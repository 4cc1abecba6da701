"""Figures of several currencies in one: each fact at its own day's rate, changes of rates booked as fx."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import InvalidParameterValue

from ingest.money import decimals_of
from tests.events import event
from tests.fx import loaded
from tests.payments import CARD_DETAILS, CHARGE, INTENT
from tests.pipeline import Pipeline

FIRST = date(2026, 3, 1)
KINDS = ("opening", "new", "reactivation", "expansion", "contraction", "churn")
FIGURES = ("mrr_start", *KINDS, "fx", "mrr_end")

Rates = Mapping[date, Mapping[str, str]]


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def on(number: int) -> date:
    return FIRST + timedelta(days=number)


def given_rates(pipeline: Pipeline, rates: Rates) -> None:
    pipeline.deliver(*(loaded(day, its) for day, its in rates.items()))
    pipeline.run()


def move(
    pipeline: Pipeline, currency: str, day: int, kind: str, amount: int, before: int, who: str = ""
) -> None:
    """A movement of one customer a currency, as the ledger has it."""
    pipeline.database.execute(
        "INSERT INTO mrr_movements SELECT * FROM jsonb_populate_record(NULL::mrr_movements, %s::jsonb)",
        [
            f'{{"account": "default", "livemode": true, "customer_id": "cus_{currency}{who}", '
            f'"currency": "{currency}", "at": "{noon(on(day)).isoformat()}", "kind": "{kind}", '
            f'"amount": {amount}, "mrr_before": {before}, "mrr_after": {before + amount}, '
            '"incomplete": false, "incomplete_before": false, "incomplete_after": false, "cause": "evt_1", '
            '"subscription_ids": [], "source": "default", "stale": false}'
        ],
    )


def ask(pipeline: Pipeline, function: str, *given: Any, **named: Any) -> list[dict[str, Any]]:
    places = [*["%s"] * len(given), *(f'"{name}" => %s' for name in named)]
    return pipeline.database.execute(
        f"SELECT * FROM {function}({', '.join(places)})", [*given, *named.values()]
    ).fetchall()


def waterfall(
    pipeline: Pipeline, target: str, since: date, until: date, **named: Any
) -> list[dict[str, Any]]:
    return ask(pipeline, "mrr_waterfall_converted", target, str(since), str(until), livemode=True, **named)


def figures(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in FIGURES if row[name]}


# ------------------------------------------------------------------ recurring revenue


def test_start_1000_new_100_expansion_50_contraction_40_churn_60_and_fx_minus_5_end_at_1045(
    pipeline: Pipeline,
) -> None:
    given_rates(pipeline, {on(-40): {"usd": "1.25"}, on(10): {"usd": "1.2375"}})
    move(pipeline, "eur", -30, "new", 400_00, 0)  # at 1.25 it is 500 dollars, at 1.2375 it is 495
    move(pipeline, "usd", -30, "new", 440_00, 0)
    move(pipeline, "usd", -29, "new", 60_00, 0, who="_2")
    move(pipeline, "usd", 2, "expansion", 50_00, 440_00)
    move(pipeline, "usd", 3, "contraction", -40_00, 490_00)
    move(pipeline, "usd", 4, "churn", -60_00, 60_00, who="_2")
    move(pipeline, "usd", 5, "new", 100_00, 0, who="_3")
    [row] = waterfall(pipeline, "usd", on(0), on(31), by="month")
    assert {
        "mrr_start": 1000_00,
        "new": 100_00,
        "expansion": 50_00,
        "contraction": -40_00,
        "churn": -60_00,
        "fx": -5_00,
        "mrr_end": 1045_00,
    } == figures(row)
    assert ("usd", True, on(-40), "ecb", 0) == (
        row["currency"],
        row["livemode"],
        row["rates_from"],
        row["rates_provider"],
        row["rates_missing"],
    )


def test_a_movement_is_at_the_rate_of_its_own_day_and_what_the_rate_does_later_is_fx(
    pipeline: Pipeline,
) -> None:
    given_rates(pipeline, {on(0): {"usd": "2"}, on(1): {"usd": "3"}, on(2): {"usd": "5"}})
    move(pipeline, "eur", 1, "new", 100, 0)
    first, second, third = waterfall(pipeline, "usd", on(0), on(3), by="day")
    assert {} == figures(first)
    assert {"new": 300, "mrr_end": 300} == figures(second)
    assert {"mrr_start": 300, "fx": 200, "mrr_end": 500} == figures(third)
    [whole] = waterfall(pipeline, "usd", on(0), on(3), by="all")
    assert {"new": 300, "fx": 200, "mrr_end": 500} == figures(whole)


def test_decimals_are_those_of_stripes_currencies(pipeline: Pipeline) -> None:
    given_rates(pipeline, {on(0): {"usd": "1.1", "jpy": "160", "kwd": "0.33", "isk": "150"}})
    move(pipeline, "usd", 0, "new", 110_00, 0)  # 100 euro
    for target, mrr in {"eur": 100_00, "jpy": 16_000, "kwd": 33_000, "isk": 15_000_00, "usd": 110_00}.items():
        [row] = waterfall(pipeline, target, on(0), on(1))
        assert (target, mrr) == (row["currency"], row["mrr_end"])


def test_revenue_without_a_rate_is_left_out_and_counted_and_enters_as_found(pipeline: Pipeline) -> None:
    given_rates(pipeline, {on(2): {"usd": "2"}})
    move(pipeline, "eur", -10, "new", 100, 0)
    move(pipeline, "usd", -10, "new", 7, 0)
    move(pipeline, "twd", -10, "new", 900, 0)
    before, _, with_rate, after = waterfall(pipeline, "usd", on(0), on(4), by="day")
    assert ({"mrr_start": 7, "mrr_end": 7}, 2, None) == (
        figures(before),
        before["rates_missing"],
        before["rates_from"],
    )
    assert ({"mrr_start": 7, "opening": 200, "mrr_end": 207}, 1) == (
        figures(with_rate),
        with_rate["rates_missing"],
    )
    assert ({"mrr_start": 207, "mrr_end": 207}, on(2)) == (figures(after), after["rates_from"])
    daily = ask(pipeline, "mrr_daily_converted", "usd", str(on(0)), str(on(4)), livemode=True)
    assert [(7, 2), (7, 2), (207, 1), (207, 1)] == [(row["mrr"], row["rates_missing"]) for row in daily]
    assert [3] * 4 == [row["customers"] for row in daily]


def test_a_target_that_stripe_does_not_have_is_an_error(pipeline: Pipeline) -> None:
    for function in ("mrr_waterfall_converted", "mrr_daily_converted", "payment_metrics_converted"):
        with pytest.raises(InvalidParameterValue, match="target is 'xxx', which is no currency"):
            ask(pipeline, function, "xxx", "2026-01-01", "2026-02-01")


STEPS = st.tuples(
    st.sampled_from(["eur", "usd", "jpy"]), st.integers(-3, 12), st.integers(1, 99_999), st.booleans()
)
RATES = st.dictionaries(
    st.integers(-5, 12),
    st.fixed_dictionaries(
        {
            "usd": st.decimals("0.5", "2", places=4).map(str),
            "jpy": st.decimals("90", "200", places=2).map(str),
        }
    ),
    min_size=1,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(STEPS, max_size=8, unique_by=lambda step: step[:2]),
    rates=RATES,
    target=st.sampled_from(["eur", "usd", "jpy", "kwd"]),
    by=st.sampled_from(["day", "week", "all"]),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/St_Johns"]),
)
def test_start_and_movements_and_fx_are_the_end_exactly_which_is_the_next_start(
    pipeline: Pipeline, steps: Any, rates: Any, target: str, by: str, zone: str
) -> None:
    pipeline.forget()
    given_rates(pipeline, {on(day): its | {"kwd": "0.33"} for day, its in rates.items()})
    held: defaultdict[str, int] = defaultdict(int)
    for currency, day, amount, more in sorted(steps, key=lambda step: step[1]):
        before = held[currency]
        change = amount if more or not before else -min(amount, before)
        held[currency] += change
        kind = (
            "new"
            if not before
            else "expansion"
            if change > 0
            else "contraction"
            if held[currency]
            else "churn"
        )
        move(pipeline, currency, day, kind, change, before)
    rows = waterfall(pipeline, target, on(0), on(10), by=by, time_zone=zone)
    for row in rows:
        assert row["mrr_end"] == row["mrr_start"] + sum(row[kind] for kind in (*KINDS, "fx"))
        if all(row["rates_from"] is None for row in rows):
            assert 0 == row["fx"]
    assert [row["mrr_end"] for row in rows[:-1]] == [row["mrr_start"] for row in rows[1:]]
    if rows and zone == "UTC":
        assert expected(steps_of(steps), rates, target) == rows[-1]["mrr_end"]


def steps_of(steps: Sequence[tuple[str, int, int, bool]]) -> dict[str, int]:
    """What is held of each currency before day 10."""
    held: defaultdict[str, int] = defaultdict(int)
    for currency, day, amount, more in sorted(steps, key=lambda step: step[1]):
        if day < 10:
            held[currency] += amount if more or not held[currency] else -min(amount, held[currency])
    return held


def expected(held: Mapping[str, int], rates: Mapping[int, Mapping[str, str]], target: str) -> int:
    """The worth of what is held on day 9, by fractions."""
    known = [day for day in rates if day <= 9]
    of_day = {"eur": "1", "kwd": "0.33"} | (dict(rates[max(known)]) if known else {})
    worth = Fraction(0)
    for currency, amount in held.items():
        if currency == target:
            worth += amount
        elif known:
            major = Fraction(amount, 10 ** decimals_of(currency)) / Fraction(of_day[currency])
            worth += major * Fraction(of_day[target]) * 10 ** decimals_of(target)
    return round(worth)


# ------------------------------------------------------------------ payments


def paid(name: str, day: int, amount: int, currency: str, refunded: int = 0, hour: int = 12) -> list[Any]:
    when = int(noon(on(day)).timestamp()) + (hour - 12) * 3600
    common = {"amount": amount, "currency": currency, "created": when}
    intent = {"id": f"pi_{name}", "status": "succeeded", "customer": None, "latest_charge": f"ch_{name}"}
    charge = {"id": f"ch_{name}", "payment_intent": f"pi_{name}", "amount_captured": amount}
    how = {"type": "card", "card": CARD_DETAILS}
    return [
        event("payment_intent.updated", INTENT | intent | common | {"metadata": {}}, created=when),
        event(
            "charge.updated",
            CHARGE | charge | common | {"amount_refunded": refunded, "payment_method_details": how},
            created=when,
        ),
    ]


def test_each_payment_is_at_the_rate_of_its_own_day(pipeline: Pipeline) -> None:
    given_rates(pipeline, {on(0): {"usd": "1.25", "jpy": "160"}, on(1): {"usd": "1.6", "jpy": "150"}})
    pipeline.deliver(
        *paid("1", 0, 125_00, "usd"),  # 100 euro
        *paid("2", 1, 160_00, "usd", refunded=80_00),  # 100, of which 50
        *paid("3", 5, 15_000, "jpy"),  # 100, by the rate of day 1
        *paid("4", 1, 7_77, "eur"),
        *paid("5", -1, 1_00, "usd"),  # before there was a rate
        *paid("6", 2, 5_00, "twd"),  # of which there is none
    )
    pipeline.run()
    [row] = ask(pipeline, "payment_metrics_converted", "eur", str(on(-1)), str(on(30)), by="all")
    assert ("eur", 307_77, 50_00, 0, 257_77) == tuple(
        row[name] for name in ("currency", "gross", "refunded", "disputed", "net")
    )
    assert (6, 6, 2, on(0), "ecb") == tuple(
        row[name] for name in ("succeeded", "paid_charges", "rates_missing", "rates_from", "rates_provider")
    )
    assert 307_77 / 4 == row["average"]
    days = ask(pipeline, "payment_metrics_converted", "eur", str(on(-1)), str(on(6)), by="day")
    assert [0, 100_00, 107_77, 0, 0, 0, 100_00] == [each["gross"] for each in days]
    assert [1, 0, 0, 1, 0, 0, 0] == [each["rates_missing"] for each in days]


def test_without_other_currencies_the_converted_figures_are_the_plain_ones(pipeline: Pipeline) -> None:
    pipeline.deliver(*paid("1", 0, 10_01, "eur", refunded=3), *paid("2", 31, 99, "eur"))
    pipeline.run()
    plain = ask(pipeline, "payment_metrics", str(on(0)), str(on(61)), split="payment_method")
    converted = ask(
        pipeline, "payment_metrics_converted", "eur", str(on(0)), str(on(61)), split="payment_method"
    )
    assert 2 == len(plain)
    assert [{name: row[name] for name in row.keys() & converted[0].keys()} for row in plain] == [
        {name: row[name] for name in row.keys() & plain[0].keys()} for row in converted
    ]


def test_a_day_that_begins_elsewhere_has_the_rates_of_both_days_in_utc(pipeline: Pipeline) -> None:
    given_rates(pipeline, {on(0): {"usd": "2"}, on(1): {"usd": "4"}})
    pipeline.deliver(*paid("1", 0, 8_00, "usd", hour=23), *paid("2", 1, 8_00, "usd", hour=1))
    pipeline.run()
    rows = ask(
        pipeline,
        "payment_metrics_converted",
        "eur",
        f"{on(0)} 12:00+00",
        f"{on(1)} 12:00+00",
        by="day",
        time_zone="Asia/Tokyo",
    )
    assert [0, 6_00] == [row["gross"] for row in rows]
