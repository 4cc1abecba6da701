"""What failed, and why: by the issuer's reason, the card's country and its brand."""

from decimal import Decimal

import pytest

from tests.paying import DECLINED, at, charge, figures, intent, paid
from tests.payments import CARD_DETAILS


def test_failures_are_told_by_the_issuers_reason(metrics):
    stolen = DECLINED | {"outcome": {"type": "issuer_declined", "reason": "stolen_card"}}
    rows = metrics(
        *paid("1", at(1)),
        charge("1a", at(1), payment_intent="pi_1", **DECLINED),
        intent("2", "requires_payment_method", at(1)),
        charge("2", at(1), **stolen),
        of="payment_failures",
    )
    names = (
        "split_value",
        "failed_attempts",
        "recovered_attempts",
        "failed",
        "payment_failure_rate",
        "failed_amount",
    )
    assert [figures(row, *names) for row in rows] == [
        ["insufficient_funds", 1, 1, 0, 0, 1000],
        ["stolen_card", 1, 0, 1, 0.5, 1000],
    ]
    assert [row["attempt_failure_rate"] for row in rows] == [pytest.approx(Decimal(1) / 3)] * 2


def test_failures_by_country_are_held_against_the_attempts_of_that_country(metrics):
    french = {"payment_method_details": {"type": "card", "card": CARD_DETAILS | {"country": "FR"}}}
    rows = metrics(
        *paid("1", at(1)),
        charge("2", at(1), **DECLINED, **french),
        charge("3", at(1), **french),
        of="payment_failures", split="country",
    )  # fmt: skip
    assert [figures(row, "split_value", "failed_attempts", "attempt_failure_rate") for row in rows] == [
        ["FR", 1, 0.5]
    ]


def test_a_payment_that_was_given_up_during_its_next_try_failed_by_the_reason_of_the_last(metrics):
    [row] = metrics(intent("1", "canceled", at(1)), charge("1", at(1), **DECLINED), of="payment_failures")
    assert figures(row, "split_value", "failed", "payment_failure_rate") == ["insufficient_funds", 1, 1]
