"""The figures of refunds, disputes and the balance: exact, on histories small enough to add up by hand."""

from decimal import Decimal
from typing import Any

from tests.events import event
from tests.paying import DECLINED, MAY, at, charge, figures, paid, transaction
from tests.payments import DISPUTE, REFUND


def test_refunds_are_told_by_their_own_date_and_their_rate_by_the_charges(metrics):
    rows = metrics(
        *paid("1", at(1), amount_refunded=400), *paid("2", at(2)),
        event("refund.created", REFUND | {"charge": "ch_1", "amount": 400, "created": at(2, month=4)}),
        event("refund.failed",
              REFUND | {"id": "re_2", "charge": "ch_2", "status": "failed", "created": at(9)}),
        of="refund_metrics", until=MAY,
    )  # fmt: skip
    names = (
        "refunds",
        "refund_amount",
        "failed_refunds",
        "refund_rate",
        "refund_rate_by_amount",
        "unseen_refunds",
    )
    assert [figures(row, *names) for row in rows] == [
        [0, 0, 1, 0.5, Decimal("0.2"), 0],
        [1, 400, 0, None, None, 0],
    ]


def test_a_refund_that_only_the_charge_tells_of_is_counted_as_unseen(metrics):
    [row] = metrics(*paid("1", at(1), amount_refunded=400), of="refund_metrics")
    assert figures(row, "refunds", "refunded", "unseen_refunds") == [0, 400, 1]


def refund(name: str, charge_of: str, amount: int, when: int, **changes: Any) -> dict[str, Any]:
    told = {"id": f"re_{name}", "charge": f"ch_{charge_of}", "amount": amount, "created": when}
    return event("refund.updated", REFUND | told | changes, created=when)


def test_what_was_held_and_is_released_is_no_refund_though_stripe_once_made_one_of_it(metrics):
    old = {"api_version": "2024-06-20"}
    released = [
        charge("1", at(1), captured=False, amount_captured=0, amount_refunded=1000, balance_transaction=None)
        | old,
        refund("1", "1", 1000, at(2)),
        charge("2", at(1), amount_captured=600, amount_refunded=400, balance_transaction="txn_2") | old,
        refund("2", "2", 400, at(2), balance_transaction="txn_r"),
        transaction("2", "ch_2", 1000, 45, at(2)),
        transaction("r", "re_2", -400, 0, at(2)),
    ]
    [row] = metrics(*released, of="refund_metrics")
    assert figures(row, "refunds", "refund_amount", "refunded", "unseen_refunds") == [0, 0, 0, 0]
    [row] = metrics(of="balance_metrics")
    assert figures(row, "fee_status", "pending", "pending_amount") == ["known", 0, 0]
    given_back = [
        refund("3", "2", 400, at(3), balance_transaction="txn_3"),
        charge("2", at(1), amount_captured=600, amount_refunded=800) | old | {"created": at(3)},
    ]
    [row] = metrics(*given_back, of="refund_metrics")
    assert figures(row, "refunds", "refund_amount", "refunded") == [1, 400, 400]


def test_half_of_what_was_held_captured_and_given_back_is_a_refund(metrics):
    [row] = metrics(
        charge("1", at(1), amount_captured=500, amount_refunded=500),
        refund("1", "1", 500, at(2)),
        of="refund_metrics",
    )
    assert figures(row, "refunds", "refund_amount", "refunded", "unseen_refunds") == [1, 500, 500, 0]


def test_disputes_have_a_rate_by_the_charges_date_and_an_activity_by_their_own(metrics):
    def dispute(name: str, status: str, when: int) -> dict[str, Any]:
        told = {"id": f"du_{name}", "charge": f"ch_{name}", "amount": 1000, "status": status, "created": when}
        return event("charge.dispute.updated", DISPUTE | told)

    rows = metrics(
        *(each for name in "1234" for each in paid(name, at(1), disputed=name != "4")),
        *paid("5", at(5, month=4)), *paid("6", at(5, month=4)),
        dispute("1", "lost", at(20)), dispute("2", "won", at(2, month=4)),
        dispute("3", "warning_closed", at(3)),
        of="dispute_metrics", until=MAY,
    )  # fmt: skip
    names = ("disputes", "inquiries", "disputes_won", "disputes_lost", "lost_amount", "win_rate",
             "dispute_activity", "disputed_charges", "dispute_rate")  # fmt: skip
    assert [figures(row, *names) for row in rows] == [
        [1, 1, 0, 1, 1000, 0, 0.25, 2, 0.5],
        [1, 0, 1, 0, 0, 1, 0.5, 0, 0],
    ]


def test_a_dispute_that_was_prevented_is_no_formal_one(metrics):
    told = {"id": "du_1", "charge": "ch_1", "amount": 1000, "status": "prevented", "created": at(2)}
    [row] = metrics(
        *paid("1", at(1), disputed=True), event("charge.dispute.created", DISPUTE | told),
        of="dispute_metrics",
    )  # fmt: skip
    names = (
        "disputes",
        "inquiries",
        "dispute_amount",
        "disputed_charges",
        "dispute_activity",
        "dispute_rate",
    )
    assert figures(row, *names) == [0, 1, 0, 0, 0, 0]
    assert row["unseen_disputes"] == 0


def test_fees_and_cash_are_the_balances_and_what_is_not_known_of_it_is_pending(metrics):
    events = [
        *paid("1", at(1), balance_transaction="txn_1"), *paid("2", at(2), balance_transaction=None),
        transaction("1", "ch_1", 1000, 45, at(1)),
        transaction("fee", None, -20, 0, at(2), type="stripe_fee", reporting_category="fee"),
        transaction("out", "po_1", -900, 0, at(3), type="payout", reporting_category="payout"),
    ]  # fmt: skip
    [row] = metrics(*events, of="balance_metrics")
    names = ("transactions", "fees", "cash", "paid_out", "fee_status", "pending", "pending_amount")
    assert figures(row, *names) == [3, 65, 935, 900, "pending", 1, 1000]
    known = [charge("2", at(2), balance_transaction="txn_2"), transaction("2", "ch_2", 1000, 45, at(2))]
    [row] = metrics(*known, of="balance_metrics")
    assert figures(row, *names) == [4, 110, 1890, 900, "known", 0, 0]


def test_a_refund_waits_for_its_balance_transaction_too(metrics):
    refund = REFUND | {"charge": "ch_1", "amount": 250, "created": at(2), "balance_transaction": "txn_r"}
    [row] = metrics(event("refund.created", refund), of="balance_metrics")
    assert figures(row, "pending", "pending_amount") == [1, -250]
    [row] = metrics(
        transaction("r", "re_1", -250, 0, at(2), reporting_category="refund"), of="balance_metrics"
    )
    assert figures(row, "pending", "cash") == [0, -250]


def test_a_dispute_waits_for_its_balance_transactions_in_the_balances_currency(metrics):
    moves = [{"id": "txn_w", "amount": -1400, "fee": 1500, "currency": "usd"},
             {"id": "txn_b", "amount": 1300, "fee": 0, "currency": "usd"}]  # fmt: skip
    told = {"charge": "ch_1", "status": "won", "created": at(2), "balance_transactions": moves}
    [row] = metrics(event("charge.dispute.closed", DISPUTE | told), of="balance_metrics", currency="usd")
    assert figures(row, "fee_status", "pending", "pending_amount") == ["pending", 2, -100]
    told = {"currency": "usd", "type": "adjustment", "reporting_category": "dispute"}
    [row] = metrics(
        transaction("w", "du_1", -1400, 1500, at(2), **told), of="balance_metrics", currency="usd"
    )
    assert figures(row, "pending", "pending_amount", "cash") == [1, 1300, -2900]
    [row] = metrics(transaction("b", "du_1", 1300, 0, at(9), **told), of="balance_metrics", currency="usd")
    assert figures(row, "fee_status", "pending", "cash") == ["known", 0, -1600]


def test_what_comes_back_from_a_failed_refund_or_goes_back_of_a_failed_charge_is_waited_for(metrics):
    failed = {"status": "failed", "balance_transaction": "txn_r", "failure_balance_transaction": "txn_f"}
    [row] = metrics(refund("1", "1", 250, at(2), **failed), of="balance_metrics")
    assert figures(row, "pending", "pending_amount") == [2, 0]
    [row] = metrics(transaction("r", "re_1", -250, 0, at(2)), of="balance_metrics")
    assert figures(row, "pending", "pending_amount", "cash") == [1, 250, -250]
    [row] = metrics(transaction("f", None, 250, 0, at(5)), of="balance_metrics")
    assert figures(row, "fee_status", "cash") == ["known", 0]
    returned = DECLINED | {"balance_transaction": "txn_c", "failure_balance_transaction": "txn_d"}
    [row] = metrics(charge("2", at(1), **returned), of="balance_metrics")
    assert figures(row, "pending", "pending_amount") == [2, 0]
    [row] = metrics(transaction("c", "ch_2", 1000, 35, at(2)), of="balance_metrics")
    assert figures(row, "pending", "pending_amount", "cash") == [1, -1000, 965]
    [row] = metrics(transaction("d", "pyr_2", -1000, 0, at(3)), of="balance_metrics")
    assert figures(row, "fee_status", "cash") == ["known", -35]


def test_what_an_instant_payout_costs_is_a_fee_and_not_paid_out(metrics):
    sent = transaction("out", "po_1", -900, 9, at(3), type="payout", reporting_category="payout")
    [row] = metrics(sent, of="balance_metrics")
    assert figures(row, "fees", "cash", "paid_out") == [9, -9, 900]
