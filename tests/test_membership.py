"""The whole way of a membership: subscribed, let in, not paid, in grace, gone, and back."""

import time
from datetime import UTC, datetime

from ingest.settings import Callback
from tests.billing_objects import DAY, event, item, price, subscription
from tests.pipeline import Pipeline
from tests.receiver import receiving
from workers.outbox_worker import OutboxWorker

GRACE = 7 * DAY
SECONDS = 2
"""How long the grace still lasts when the failed renewal is told of."""


def told(receiver):
    return [(call["data"]["has_access"], call["data"]["reason"]) for call in receiver.calls]


def test_a_platform_is_told_whom_to_let_in_and_whom_no_longer(settings, database, redis):
    missed = int(datetime.now(UTC).timestamp()) - GRACE + SECONDS
    begun = missed - 30 * DAY
    plan = price(metadata={"plan_type": "pro"})
    metadata = {"user_id": "u_1", "source": "platform"}

    def subscribed(status):
        return subscription(item(of=plan), status=status, metadata=metadata, created=begun)

    with receiving() as receiver:
        callback = Callback(url=receiver.url, secrets=("secret",))
        calling = settings.model_copy(update={"callbacks": {"platform": callback}})
        pipeline, worker = Pipeline(calling, database, redis), OutboxWorker(calling)

        def happens(kind, status, at):
            pipeline.deliver(event(f"customer.subscription.{kind}", subscribed(status), at))
            pipeline.run()
            while worker.run_once(patience=5.0):
                pass

        happens("created", "incomplete", begun)
        assert [] == told(receiver)
        happens("updated", "active", begun + 9)
        assert [(True, "active")] == told(receiver)
        happens("updated", "past_due", missed)
        assert (True, "past_due") == told(receiver)[-1]
        until = datetime.fromisoformat(receiver.calls[-1]["data"]["access_until"])
        assert missed + GRACE == until.timestamp()
        while len(receiver.calls) < 3 and time.time() < until.timestamp() + 10:
            worker.run_once(patience=0.05)
            time.sleep(0.02)
        assert (False, "unpaid") == told(receiver)[-1]
        assert datetime.now(UTC) >= until
        happens("updated", "active", missed + GRACE + 1)
        assert (True, "active") == told(receiver)[-1]
        pipeline.close()
        worker.close()
    versions = [call["data"]["version"] for call in receiver.calls]
    assert 4 == len(versions)
    assert versions == sorted(set(versions))
