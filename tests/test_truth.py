"""A simulated business, delivered in no order and in part twice, ends in Postgres as it truly ended."""

from collections import Counter
from random import Random

import pytest

from tests.pipeline import Pipeline
from workers.simulator import VERSIONS, deliveries, simulate

TABLES = {
    "charge": "charges",
    "dispute": "disputes",
    "invoice": "invoices",
    "payment_intent": "payment_intents",
    "refund": "refunds",
    "subscription": "subscriptions",
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_ends_in_its_true_state(pipeline: Pipeline, version: str) -> None:
    simulation = simulate(seed=5, payments=50, subscriptions=38, api_version=version)
    pipeline.deliver(*deliveries(simulation.bodies(), Random(5), duplicate=0.2))
    pipeline.run()

    assert [] == pipeline.rows("dead_letters")
    objects = pipeline.rows("stripe_objects")
    assert simulation.objects == {(row["object"], row["id"]): row["data"] for row in objects}
    assert simulation.deleted == {(row["object"], row["id"]) for row in objects if row["deleted"]}

    lasting = {key: each for key, each in simulation.objects.items() if key not in simulation.deleted}
    for kind, table in TABLES.items():
        truth = Counter((each["id"], each["status"]) for (name, _), each in lasting.items() if name == kind)
        assert truth == Counter((row["id"], row["status"]) for row in pipeline.rows(table)), table


def test_two_endpoints_in_two_versions_tell_one_business(pipeline: Pipeline) -> None:
    old = simulate(seed=5, payments=30, subscriptions=20, api_version="2020-08-27")
    new = old.in_version("2026-10-28.endive")
    both = [*((body, "old") for body in old.bodies()), *((body, "new") for body in new.bodies())]
    for body, source in deliveries(both, Random(6)):
        pipeline.deliver(body, source=source)
    pipeline.run()
    objects = pipeline.rows("stripe_objects")
    assert new.objects == {(row["object"], row["id"]): row["data"] for row in objects}
