"""The whole way of a membership: subscribed, let in, not paid, in grace, gone, and back."""

from datetime import UTC, datetime

from ingest.settings import Callback
from tests.billing_objects import DAY, event, item, price, subscription
from tests.pipeline import Pipeline
from tests.receiver import receiving
from workers.outbox_worker import OutboxWorker

GRACE, HOUR = 7 * DAY, 3600


def told(receiver):
    return [(call["data"]["has_access"], call["data"]["reason"]) for call in receiver.calls]


def test_a_platform_is_told_whom_to_let_in_and_whom_no_longer(settings, database, redis):
    now = int(datetime.now(UTC).timestamp())
    missed = now - GRACE + HOUR
    begun = missed - 30 * DAY
    plan = price(metadata={"plan_type": "pro"})
    metadata = {"user_id": "u_1", "source": "platform"}

    def subscribed(status):
        return subscription(item(of=plan), status=status, metadata=metadata, created=begun)

    with receiving() as receiver:
        callback = Callback(url=receiver.url, secrets=("secret",))
        calling = settings.model_copy(update={"callbacks": {"platform": callback}})
        pipeline, worker = Pipeline(calling, database, redis), OutboxWorker(calling)

        def tell():
            while worker.run_once(patience=5.0):
                pass

        def happens(kind, status, at):
            pipeline.deliver(event(f"customer.subscription.{kind}", subscribed(status), at))
            pipeline.run()
            tell()

        happens("created", "incomplete", begun)
        assert [] == told(receiver)
        happens("updated", "active", begun + 9)
        assert [(True, "active")] == told(receiver)
        happens("updated", "past_due", missed)
        assert (True, "past_due") == told(receiver)[-1]
        until = datetime.fromisoformat(receiver.calls[-1]["data"]["access_until"])
        assert missed + GRACE == until.timestamp()
        waits = "SELECT due_at FROM outbox WHERE delivered_at IS NULL"
        assert [{"due_at": until}] == database.execute(waits).fetchall()
        database.execute("UPDATE outbox SET due_at = clock_timestamp() WHERE delivered_at IS NULL")
        tell()
        assert (False, "unpaid") == told(receiver)[-1]
        happens("updated", "active", now)
        assert (True, "active") == told(receiver)[-1]
        pipeline.close()
        worker.close()
    versions = [call["data"]["version"] for call in receiver.calls]
    assert 4 == len(versions)
    assert versions == sorted(set(versions))
