"""What an address means, and how numbers are written, without a browser."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from projections.dashboard import display, drawing, view
from projections.dashboard.meanings import parsed
from projections.dashboard.sections import FIGURES
from projections.dashboard.tiles import spark
from projections.dashboard.view import BadView, View

CHURN = ("customer_churn_rate", "gross_mrr_churn_rate", "net_mrr_churn_rate")
NOW = datetime(2026, 11, 25, 17, 30, tzinfo=UTC)


def seen(**given: str) -> View:
    return view.read([(name.rstrip("_"), value) for name, value in given.items()], NOW)


def test_an_address_that_says_nothing_means_twelve_months_up_to_now_by_month() -> None:
    span = seen().span
    assert (datetime(2025, 12, 1, tzinfo=UTC), NOW, "month") == (span.since, span.until, span.by)
    assert (datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 11, 25, 17, 30, tzinfo=UTC)) == span.before


def test_days_are_those_of_the_time_zone_and_both_are_included() -> None:
    span = seen(from_="2026-10-25", to="2026-10-25", zone="Europe/Berlin").span  # clocks are set back
    assert 25 * 3600 == (span.until - span.since).total_seconds()
    assert "day" == span.by


def test_weeks_begin_on_monday() -> None:
    assert 0 == seen(range="90d").span.since.weekday()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"range": "1y"}, "range is one of"),
        ({"from": "2026-11-26"}, "from is after to"),
        ({"from": "2026-11-26", "to": "2026-12-01"}, "from is in the future"),
        ({"from": "26.11.2026"}, "from is a day since"),
        ({"range": "7d", "from": "2026-11-20"}, "not both"),
        ({"from": "2020-01-01", "by": "day"}, "more than 400 periods"),
        ({"currency": "euro"}, "currency is three letters"),
        ({"source": "a b"}, "source is the last part"),
        ({"zone": "../etc/passwd"}, "zone is the name of a time zone"),
        ({"zone": "localtime"}, "zone is the name of a time zone"),
        ({"mode": "both"}, "mode is one of live, test"),
        ({"limit": "7"}, "there is no parameter of this name"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence_that_does_not_repeat_it(given: dict, told: str) -> None:
    with pytest.raises(BadView) as refused:
        view.read(list(given.items()), NOW)
    assert told in str(refused.value)
    assert not any(value in str(refused.value) for value in given.values() if len(value) > 6)


def test_a_currency_and_a_source_may_be_written_in_capitals() -> None:
    assert seen(currency="eur", source="my_shop") == seen(currency="EUR", source="My-Shop")
    assert "?currency=eur" == seen(currency="EUR").address()


def test_a_parameter_that_is_given_twice_is_refused() -> None:
    with pytest.raises(BadView, match="by is given twice"):
        view.read([("by", "day"), ("by", "week")], NOW)


def test_another_range_takes_the_place_of_days_and_keeps_the_rest() -> None:
    assert "?currency=eur&range=7d" == seen(from_="2026-01-01", currency="eur").address(range="7d")


def test_a_view_lasts_from_one_minute_to_the_next_only_where_it_ends_now() -> None:
    later = view.read([], NOW.replace(minute=31))
    assert later.lasting == seen().lasting
    assert seen(from_="2026-11-01").lasting != seen(from_="2026-11-01", to="2026-11-24").lasting


def test_the_range_before_a_view_is_not_taken_for_another_view_that_begins_with_it() -> None:
    before = seen(range="30d").before
    assert seen(from_=f"{before.span.since:%Y-%m-%d}").whole.lasting != before.lasting


def test_the_parts_of_a_page_keep_what_its_address_left_open() -> None:
    found = replace(seen(range="7d"), currency="usd", livemode=False)
    assert "?range=7d&currency=usd&mode=test" == found.settled
    assert "?range=7d" == replace(found, currency=None).settled


@pytest.mark.parametrize(
    ("amount", "currency", "exact", "compact"),
    [
        (123456, "eur", "€1,234.56", "€1,235"),
        (-50, "usd", "−$0.50", "−$0.50"),  # noqa: RUF001 - a true minus sign
        (1234567, "jpy", "¥1,234,567", "¥1.23m"),
        (12500, "kwd", "KWD 12.500", "KWD 12.500"),
        (1359400, "isk", "ISK 13,594.00", "ISK 13.6k"),
        (7, "xyz", "XYZ 7", "XYZ 7"),
        (None, "eur", "–", "–"),  # noqa: RUF001
        (Decimal("0.4"), "eur", "€0.00", "€0.00"),
    ],
)
def test_amounts_have_the_format_of_their_currency(amount, currency: str, exact: str, compact: str) -> None:
    assert (exact, compact) == (display.money(amount, currency), display.compact_money(amount, currency))


def test_a_figure_has_the_days_of_a_long_range_at_most_so_many_and_whole_months() -> None:
    long = seen(from_="2016-11-25", zone="Europe/Berlin")
    days = long.divided("day").span
    assert (datetime(2025, 10, 21, 22, tzinfo=UTC), NOW) == (days.since, days.until)
    assert (datetime(2016, 10, 31, 23, tzinfo=UTC), "month") == (
        long.divided("month").span.since, long.divided("month").span.by
    )  # fmt: skip
    assert long is long.divided("")
    assert seen(range="7d").span.since == seen(range="7d").divided("day").span.since


def test_a_rate_of_nothing_is_drawn_and_no_money_is_not() -> None:
    rows = [{"period_start": NOW, "currency": "eur", **dict.fromkeys(CHURN, Decimal(0))}]
    assert drawing.drawn(FIGURES["churn"], rows, seen()) is not None
    unknown = [{**rows[0], **dict.fromkeys(CHURN)}]
    assert drawing.drawn(FIGURES["churn"], unknown, seen()) is None
    refunds = [{"period_start": NOW, "currency": "eur", "refund_amount": 0}]
    assert drawing.drawn(FIGURES["refunds"], refunds, seen()) is None


def test_parts_that_are_not_named_and_those_that_are_left_over_are_told_apart() -> None:
    plans = {None: 9, "others": 8, "a": 5, "b": 4, "c": 3, "d": 2, "e": 1}
    rows = [{"period_start": NOW, "split_value": name, "subscriptions": n} for name, n in plans.items()]
    drawn = drawing.drawn(FIGURES["subscriptions-by-plan"], rows, seen())
    assert drawn is not None
    assert [("Not told", 9), ("Others", 8), ("A", 5), ("B", 4), ("C", 3), ("2 others", 3)] == [
        (series["title"], series["y"][0]) for series in drawn["series"]
    ]


def test_a_comment_says_what_the_whole_is_and_what_each_column() -> None:
    meaning = parsed("What it is. Note: this is a sentence.\nnet: gross less the rest.")
    assert "What it is. Note: this is a sentence." == meaning.whole
    assert {"net": "Gross less the rest."} == dict(meaning.columns)


def test_a_line_of_a_tile_leaves_out_what_is_not_known() -> None:
    assert [(0.0, 0.0), (1.0, 1.0)] == spark([2, None, 4])
    assert [] == spark([None, 3])
