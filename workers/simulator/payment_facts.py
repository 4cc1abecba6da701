"""What is so about customers and payments, in no API version yet.

A fact never changes; what happens to an object makes a new fact that shares what stayed the same. Amounts
are in minor units, times in seconds since 1970.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from workers.simulator.billing_facts import Discount
from workers.simulator.people import Person

Metadata = dict[str, str]


class Method(NamedTuple):
    """A payment method; `kind` is card or sepa_debit."""

    id: str
    created: int
    kind: str
    owner: Person
    brand: str
    last4: str
    funding: str
    fingerprint: str
    expires: tuple[int, int]


class Outcome(NamedTuple):
    """What Radar and the network made of an attempt."""

    type: str
    network_status: str
    reason: str | None
    risk_level: str
    risk_score: int
    seller_message: str
    rule: str | None = None


class Failure(NamedTuple):
    """Why an attempt failed, as `charge.failure_*` and `payment_intent.last_payment_error` tell it."""

    code: str
    decline_code: str | None
    message: str
    charge_id: str | None
    method: Method


class Movement(NamedTuple):
    """A balance transaction that a dispute made."""

    id: str
    created: int
    amount: int
    fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer, unless the payment was a guest's."""

    id: str
    created: int
    person: Person
    metadata: Metadata = field(default_factory=dict)
    currency: str | None = None
    balance: int = 0
    delinquent: bool = False
    default_method_id: str | None = None
    next_invoice: int = 1
    discount: Discount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A payment method of a customer's, as an object of its own."""

    method: Method
    customer_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back; `settled` once the bank gave a reference."""

    id: str
    created: int
    charge_id: str
    intent_id: str | None
    amount: int
    currency: str
    status: str
    reason: str | None
    balance_transaction: str | None
    failure_reason: str | None = None
    failure_balance_transaction: str | None = None
    settled: bool = False
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One attempt to take money."""

    id: str
    created: int
    intent_id: str | None
    customer_id: str | None
    invoice_id: str | None
    amount: int
    currency: str
    status: str
    captured: bool
    method: Method
    outcome: Outcome | None
    failure: Failure | None = None
    amount_captured: int = 0
    amount_refunded: int = 0
    dispute_id: str | None = None
    three_d_secure: str | None = None
    balance_transaction: str | None = None
    refunds: tuple[Refund, ...] = ()
    description: str | None = None
    receipt_email: str | None = None
    ship_to: Person | None = None
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A PaymentIntent: `charges` are its attempts, the newest first."""

    id: str
    created: int
    amount: int
    currency: str
    status: str
    customer_id: str | None
    invoice_id: str | None = None
    amount_received: int = 0
    amount_capturable: int = 0
    capture_method: str = "automatic"
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    charges: tuple[Charge, ...] = ()
    failure: Failure | None = None
    method: Method | None = None
    method_kinds: tuple[str, ...] = ("card",)
    description: str | None = None
    receipt_email: str | None = None
    ship_to: Person | None = None
    off_session: bool = False
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute, or with a `warning_…` status an inquiry, which moves no funds."""

    id: str
    created: int
    charge_id: str
    intent_id: str | None
    amount: int
    currency: str
    status: str
    reason: str
    due_by: int
    brand: str
    reason_code: str
    movements: tuple[Movement, ...] = ()
    submissions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the account has: it is the account's only one, and has no id."""

    available: dict[str, int]
    pending: dict[str, int]
