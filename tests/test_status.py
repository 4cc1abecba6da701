"""`status`: what waits, what failed, what is in doubt, and how full the log is."""

import json

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from ingest.jobs import Jobs
from ingest.pause import Pause
from ingest.settings import Settings
from tests import billing_objects as billing
from tests.events import NOW, customer, event, intent
from tests.payments import CHARGE
from tests.pipeline import Pipeline
from workers import backlog
from workers.commands.status import facts, status
from workers.commands.status import warnings as told
from workers.health import examine
from workers.ledger_health import LedgerHealth
from workers.lookups import LookupCounts
from workers.rebuild import Rebuild


def customers(count: int) -> list[dict[str, object]]:
    return [event("customer.created", customer(id=f"cus_{n}"), created=NOW + n) for n in range(count)]


def test_what_is_appended_waits_until_it_is_drained(
    pipeline: Pipeline, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "SLICE", 7)  # so that counting takes several calls
    pipeline.run()
    pipeline.deliver(*customers(60))
    before = examine(settings)
    assert 60 == sum(partition.waiting for partition in before.partitions)
    assert all(0 <= partition.seconds < 3600 for partition in before.partitions)
    assert 0 == before.events
    pipeline.run()
    after = examine(settings)
    assert [(0, 0.0)] * 4 == [(partition.waiting, partition.seconds) for partition in after.partitions]
    assert 60 == after.events


def test_the_log_is_measured_against_its_bounds(pipeline: Pipeline, settings: Settings) -> None:
    [created] = customers(1)
    pipeline.deliver(created, created, created)
    bounded = settings.model_copy(update={"log_max_bytes": 1_000_000, "dedupe_max_bytes": 640})
    log = examine(bounded).log
    assert (1, 2, 64, 640, 1_000_000) == (
        log.entries,
        log.duplicates,
        log.dedupe_bytes,
        log.dedupe_max_bytes,
        log.max_bytes,
    )
    assert 0 < log.bytes < 1_000


def test_an_object_that_could_not_be_digested_is_counted(pipeline: Pipeline, settings: Settings) -> None:
    broken = intent()
    del broken["currency"]
    pipeline.deliver(event("payment_intent.created", broken))
    pipeline.run()
    health = examine(settings)
    # By the payment and by its versions.
    assert (2, 0) == (health.dead_letters, health.quarantined)
    assert "Some objects could not be digested: see ./run dead-letters" in told(health)


def test_a_log_that_lost_its_tail_is_told_with_the_range_in_doubt(
    pipeline: Pipeline, settings: Settings
) -> None:
    pipeline.deliver(*customers(8))
    pipeline.run()
    for partition in range(settings.log_partitions):
        pipeline.redis.delete(pipeline.log.keys.log(partition))
    pipeline.deliver(*customers(16)[8:])
    pipeline.run()
    incidents = examine(settings).incidents
    assert incidents
    lines = [line for line in told(examine(settings)) if line.startswith("Incident of")]
    assert len(incidents) == len(lines)
    assert all("may be missing: resend them from Stripe" in line for line in lines)


def test_other_prices_ask_for_a_rebuild(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.run()
    assert not examine(settings).rebuild_due
    other = settings.model_copy(update={"prices": {"price_new": ("pro", "month")}})
    assert examine(other).rebuild_due
    assert "STRIPE_PRICE_… changed since the tables were built: ./run rebuild" in told(examine(other))


def test_other_rules_of_revenue_ask_for_one_as_well(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.run()
    other = settings.model_copy(update={"mrr_churn_at": "request", "prices": {"price_new": ("pro", "month")}})
    assert "MRR_… and STRIPE_PRICE_… changed since the tables were built: ./run rebuild" in told(
        examine(other)
    )
    list(Rebuild(other).run())
    assert [] == examine(other).rebuild_due


def test_a_database_of_an_older_release_asks_for_one(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.deliver(*customers(1))
    pipeline.run()
    pipeline.close()
    pipeline.database.execute("DELETE FROM configuration WHERE name IN ('folds', 'mrr_rules')")
    pipeline.run()
    assert ["How events are read"] == examine(settings).rebuild_due
    list(Rebuild(settings).run())
    assert [] == examine(settings).rebuild_due


def test_it_asks_before_the_new_release_drains_anything(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.deliver(*customers(1))
    pipeline.run()
    pipeline.database.execute("DELETE FROM configuration WHERE name IN ('folds', 'mrr_rules')")
    assert ["How events are read"] == examine(settings).rebuild_due
    other = settings.model_copy(update={"mrr_churn_at": "request"})
    assert ["How events are read", "MRR_…"] == examine(other).rebuild_due
    list(Rebuild(other).run())
    assert [] == examine(other).rebuild_due


def test_a_database_that_has_no_events_asks_for_none(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.database.execute("DELETE FROM configuration WHERE name IN ('folds', 'mrr_rules', 'plans')")
    assert [] == examine(settings).rebuild_due


def test_a_ledger_that_does_not_add_up_is_an_alarm(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.deliver(billing.event("customer.subscription.created", billing.subscription(discounts=["di_1"])))
    pipeline.run()
    health = examine(settings)
    known = {"discount": 1}
    assert LedgerHealth(residuals=0, paying=1, incomplete=1, missing=known) == health.ledger
    assert "MRR           1 customers, incomplete of 1 (not known: 1 discount)" in facts(health)
    assert not any("ledger" in line for line in told(health))
    pipeline.database.execute("UPDATE mrr_movements SET amount = amount + 1")
    wrong = examine(settings)
    assert 1 == wrong.ledger.residuals
    assert [line for line in told(wrong) if line.startswith("The MRR ledger does not add up at 1 instants")]


def test_what_the_ledger_does_not_know_is_told_by_kind_to_machines_too(
    pipeline: Pipeline, settings: Settings
) -> None:
    whose = billing.discount("WELCOME") | {"customer": "cus_1", "subscription": None}
    tiered = billing.price(amount=None, billing_scheme="tiered", tiers_mode="volume")
    pipeline.deliver(
        billing.event("customer.discount.created", whose),
        billing.event("customer.subscription.created", billing.subscription()),
        billing.event(
            "customer.subscription.created", billing.subscription(billing.item(of=tiered), id="sub_2")
        ),
    )
    pipeline.run()
    printed = json.loads(CliRunner().invoke(status, ["--json"], obj=settings).output)
    told = {"residuals": 0, "paying": 1, "incomplete": 1, "missing": {"coupon": 1, "tiers": 1}}
    assert told == printed["ledger"]


def test_without_workers_it_says_who_drains(settings: Settings) -> None:
    assert "No drain worker is there: the sweep drains by itself, and slower." in told(examine(settings))


def test_what_is_to_be_looked_up_is_counted(pipeline: Pipeline, settings: Settings) -> None:
    named = [
        event("charge.updated", CHARGE | {"id": f"ch_{n}", "balance_transaction": f"txn_{n}"})
        for n in range(3)
    ]
    pipeline.deliver(*named)
    pipeline.run()
    pipeline.database.execute("UPDATE lookups SET problem = 'x' WHERE object_id <> 'txn_0'")
    pipeline.database.execute("UPDATE lookups SET gone_at = now() WHERE object_id = 'txn_2'")
    health = examine(settings)
    assert LookupCounts(wanted=2, failing=1, gone=1) == health.lookups
    warned = " ".join(told(health))
    assert "Events only name 2 things, and Stripe is not asked for them: set STRIPE_SECRET_KEY" in warned
    assert "1 lookups fail and are tried again" in warned
    asking = settings.model_copy(update={"stripe_secret_key": SecretStr("sk_test_x")})
    assert "set STRIPE_SECRET_KEY" not in " ".join(told(examine(asking)))


def test_machines_get_one_json_object(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.deliver(*customers(1))
    pipeline.run()
    printed = CliRunner().invoke(status, ["--json"], obj=settings).output
    assert 1 == json.loads(printed)["events"]
    assert {"partitions", "log", "events", "dead_letters", "incidents", "lookups"} <= json.loads(
        printed
    ).keys()


def test_creators_that_pause_and_jobs_that_wait_are_told(pipeline: Pipeline, settings: Settings) -> None:
    Pause(pipeline.redis, settings).begin("Invalid API Key provided")
    Jobs(pipeline.redis, settings).create("shop", "create_refund", {})
    health = examine(settings)
    assert (0, 1) == (health.creators, health.open_jobs)
    warned = " ".join(told(health))
    assert "the creators pause: Invalid API Key provided. No job is lost" in warned
    assert "Jobs wait, and no creator is there" in warned
