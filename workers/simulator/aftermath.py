"""What happens to money after it was paid: refunds and disputes."""

from dataclasses import replace
from fractions import Fraction

from workers.simulator.money import share
from workers.simulator.payment_facts import Charge, Dispute, Movement, Refund
from workers.simulator.wallet import BRANDS
from workers.simulator.world import DAY, Story, World

DISPUTE_FEE = 1500


def refund(world: World, charge: Charge, amount: int, reason: str | None = None) -> tuple[Charge, Refund]:
    """Give back part of a charge, or the rest of it: four events within a second."""
    made = world.make(
        "refund.created",
        Refund(
            id=world.ids.new("re"),
            created=world.now,
            charge_id=charge.id,
            intent_id=charge.intent_id,
            amount=amount,
            currency=charge.currency,
            status="succeeded",
            reason=reason,
            balance_transaction=world.ids.new("txn"),
        ),
    )
    charge = world.change(
        "charge.refunded",
        charge,
        amount_refunded=charge.amount_refunded + amount,
        refunds=(made, *charge.refunds),
    )
    settled = world.change("refund.updated", made, settled=True)
    world.repeat("charge.refund.updated", settled, made)
    return charge, settled


def fail_refund(world: World, refund: Refund) -> Refund:
    """The customer's bank sent the money back, days later."""
    failed: Refund = replace(
        refund,
        status="failed",
        failure_reason="expired_or_canceled_card",
        failure_balance_transaction=world.ids.new("txn"),
    )
    world.repeat("refund.updated", failed, refund)
    world.repeat("charge.refund.updated", failed, refund)
    world.repeat("refund.failed", failed)
    return failed


def refund_in_parts(world: World, charge: Charge) -> Story:
    """A part now; then twice more within one second, of which the last leaves nothing."""
    charge, _ = refund(world, charge, share(charge.amount, Fraction(1, 4), charge.currency))
    yield 2 * DAY + 77
    charge, _ = refund(world, charge, share(charge.amount, Fraction(1, 4), charge.currency), "duplicate")
    refund(world, charge, charge.amount_captured - charge.amount_refunded, "requested_by_customer")


def dispute(world: World, charge: Charge, ending: str) -> Story:
    """A dispute that ends `won`, `lost` or (an inquiry, which moves no funds) `warning_closed`."""
    inquiry = ending == "warning_closed"
    prefix = "warning_" if inquiry else ""
    made = world.make(
        "charge.dispute.created",
        Dispute(
            id=world.ids.new("du"),
            created=world.now,
            charge_id=charge.id,
            intent_id=charge.intent_id,
            amount=charge.amount,
            currency=charge.currency,
            status=f"{prefix}needs_response",
            reason="general" if inquiry else world.random.choice(("fraudulent", "product_not_received")),
            due_by=world.now + 9 * DAY,
            brand=charge.method.brand,
            reason_code=dict(BRANDS)[charge.method.brand],
        ),
    )
    charge = world.change("charge.updated", charge, dispute_id=made.id)
    if not inquiry:
        withdrawn = Movement(world.ids.new("txn"), world.now, -charge.amount, DISPUTE_FEE)
        made = world.change("charge.dispute.funds_withdrawn", made, movements=(withdrawn,))
    yield 3 * DAY + 1234
    made = world.change("charge.dispute.updated", made, status=f"{prefix}under_review", submissions=1)
    yield 20 * DAY
    made = world.change("charge.dispute.closed", made, status=ending)
    if ending == "won":
        reinstated = Movement(world.ids.new("txn"), world.now, charge.amount, 0)
        world.change("charge.dispute.funds_reinstated", made, movements=(*made.movements, reinstated))
