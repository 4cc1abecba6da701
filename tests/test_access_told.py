"""What the outbox is told of access: each change once, whatever brought it, and nothing on a rebuild."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random
from select import select
from threading import Thread

import pytest
from psycopg import Cursor

from ingest.settings import Callback
from tests.billing_objects import DAY, event, item, price, subscription
from tests.pipeline import Pipeline
from workers.access_grace import remember
from workers.access_reaction import Touched, tell
from workers.drain import Drain
from workers.rebuild import Rebuild
from workers.simulator import simulate

NOW = int(datetime.now(UTC).timestamp())
CALLBACK = Callback(url="http://127.0.0.1:1/", secrets=("secret",))


def plan(status="active", *, name="pro", **more):
    of = price(f"price_{name}", metadata={"plan_type": name})
    told = {"metadata": {"user_id": "u_1", "source": "platform"}, "created": NOW - DAY, **more}
    return subscription(item(of=of), status=status, **{"id": f"sub_{name}", **told})


def created(subject, at=NOW - DAY):
    return event("customer.subscription.created", subject, at)


def updated(subject, at=NOW):
    return event("customer.subscription.updated", subject, at)


def customer(user_id, kind="customer.created", at=NOW - DAY):
    subject = {"id": "cus_1", "object": "customer", "created": NOW - DAY, "metadata": {"user_id": user_id}}
    return event(kind, subject, at)


@pytest.fixture
def calling(settings):
    return settings.model_copy(update={"callbacks": {"default": CALLBACK}})


@pytest.fixture
def telling(calling, database, redis):
    pipeline = Pipeline(calling, database, redis)
    yield pipeline
    pipeline.close()


def written(telling):
    """What the outbox holds, in the order in which it was written."""
    return telling.database.execute("SELECT * FROM outbox ORDER BY id").fetchall()


@pytest.fixture
def told(telling):
    """`told(*events)`: what the outbox holds once these events were drained, each in a round of its own."""

    def told(*events):
        for one in events:
            telling.deliver(one)
            telling.run()
        rows = telling.database.execute("SELECT * FROM outbox ORDER BY due_at, id").fetchall()
        return [(row["message"]["plan_type"], row["message"]["reason"], row["cause"]) for row in rows]

    return told


def test_each_change_is_told_once_by_the_event_that_caused_it(told):
    first, second, third = created(plan()), updated(plan(description="new")), updated(plan("unpaid"), NOW + 1)
    assert [("pro", "active", first.id)] == told(first)
    assert [("pro", "active", first.id)] == told(second, first)
    assert [("pro", "active", first.id), ("pro", "unpaid", third.id)] == told(third, third, second)


def test_what_time_alone_will_bring_is_written_at_once(told, telling):
    cancelled = updated(plan(cancel_at=NOW + DAY))
    told(created(plan()), cancelled)
    *_, ending, ended = written(telling)
    assert ("canceled", True) == (ending["message"]["reason"], ending["message"]["has_access"])
    assert ("none", False) == (ended["message"]["reason"], ended["message"]["has_access"])
    assert NOW + DAY == ended["due_at"].timestamp()
    assert ended["cause"].startswith(f"{cancelled.id} 2")


def test_something_newer_supersedes_what_was_due_later(told, telling):
    told(created(plan()), updated(plan(cancel_at=NOW + DAY)), updated(plan(), NOW + 1))
    due = [row["due_at"] for row in written(telling)]
    assert 3 == len(due)
    assert max(due) < datetime.now(UTC)


def test_a_plan_that_outlives_a_better_one_is_told_when_that_ends(told):
    basic, pro = created(plan(name="basic")), created(plan(cancel_at=NOW + DAY))
    [*_, (plan_type, reason, _)] = told(basic, pro)
    assert ("basic", "active") == (plan_type, reason)


def test_grace_ends_by_itself(told):
    [_, in_grace, after] = told(created(plan()), updated(plan("past_due")))
    assert ("pro", "past_due") == in_grace[:2]
    assert ("pro", "unpaid") == after[:2]


def test_other_days_of_grace_are_told_to_whom_they_concern(told, telling, calling):
    told(created(plan("past_due")), created(plan(id="sub_2", metadata={"user_id": "u_2"})))
    with telling.database.transaction():
        remember(telling.database, calling)
    assert 3 == len(written(telling))
    remember(telling.database, calling.model_copy(update={"access_grace_days": 3}))
    *_, longer, after = [row for row in written(telling) if row["message"]["user_id"] == "u_1"]
    assert "access_grace_days 3" == longer["cause"]
    assert ("unpaid", timedelta(days=-4)) == (
        after["message"]["reason"],
        after["due_at"] - datetime.fromtimestamp(NOW + 6 * DAY, UTC),
    )


def test_a_subscription_that_never_gave_access_is_not_told(told):
    assert [] == told(created(plan("incomplete")), updated(plan("incomplete_expired")))


def test_the_last_telling_is_the_truth_in_whatever_order_events_come(told, telling):
    for order in permutations(range(4)):
        telling.forget()
        telling.database.execute("TRUNCATE outbox")
        events = [
            created(plan()),
            updated(plan("past_due"), NOW - 9),
            updated(plan(), NOW - 5),
            updated(plan(cancel_at=NOW + DAY), NOW),
        ]
        told(*(events[n] for n in order))
        rows = written(telling)
        assert ("none", NOW + DAY) == (rows[-1]["message"]["reason"], rows[-1]["due_at"].timestamp())
        assert "canceled" == rows[-2]["message"]["reason"]
        assert len({row["cause"] for row in rows}) == len(rows)
        versions = [row["due_at"] for row in rows]
        assert versions == sorted(set(versions))


def test_a_customer_that_names_another_user_takes_the_access_along(told, telling):
    unnamed = created(plan(metadata={}))
    told(unnamed, customer("u_1"), customer("u_2", "customer.updated", NOW))
    rows = [(row["message"]["user_id"], row["message"]["has_access"]) for row in written(telling)]
    assert [("u_1", True), ("u_1", False), ("u_2", True)] == sorted(
        rows, key=lambda row: (row[0], not row[1])
    )


def test_a_rebuild_tells_nothing(told, telling, calling):
    before = told(created(plan()), updated(plan(cancel_at=NOW + DAY)))
    telling.database.execute("TRUNCATE subscriptions")
    for _ in Rebuild(calling).run():
        pass
    assert before == told()
    assert 1 == len(telling.rows("subscriptions"))


def test_without_a_callback_nothing_is_written(pipeline):
    pipeline.deliver(created(plan()))
    pipeline.run()
    assert [] == pipeline.rows("outbox")


def test_only_those_who_have_a_callback_are_told(settings, database, redis):
    platform = settings.model_copy(update={"callbacks": {"platform": CALLBACK}})
    pipeline = Pipeline(platform, database, redis)
    for n, origin in enumerate(("Platform", "shop", None)):
        metadata = {"user_id": "u_1"} | ({"source": origin} if origin else {})
        pipeline.deliver(created(plan(id=f"sub_{n}", metadata=metadata)))
    pipeline.run()
    pipeline.close()
    assert ["Platform"] == [row["origin"] for row in pipeline.rows("outbox")]


def test_two_partitions_that_make_one_user_at_the_same_time_tell_of_him_once(calling, database, redis):
    pipeline = Pipeline(calling, database, redis)
    people = 40
    for n in range(people):
        whose = {"id": f"cus_{n}", "object": "customer", "created": NOW, "metadata": {"user_id": f"u_{n}"}}
        pipeline.deliver(event("customer.created", whose, NOW))
        pipeline.deliver(created(plan(id=f"sub_{n}", customer=f"cus_{n}", metadata={})))
    small = calling.model_copy(update={"drain_batch": 4})
    drains = [Drain(small) for _ in range(4)]
    threads = [Thread(target=drain.run, kwargs={"workers": 4}) for drain in drains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for drain in drains:
        drain.close()
    pipeline.run()
    pipeline.close()
    users = [row["message"]["user_id"] for row in pipeline.rows("outbox")]
    assert sorted(f"u_{n}" for n in range(people)) == sorted(users)


class Awaiting(Cursor):
    """A cursor of a pipeline whose answers are always there before its next statement is sent."""

    def execute(self, *statement, **options):
        super().execute(*statement, **options)
        self.connection.pgconn.send_flush_request()
        self.connection.pgconn.flush()
        select([self.connection.fileno()], [], [])
        return self


def test_an_answer_that_comes_early_in_a_pipeline_is_taken_for_no_other(pipeline, connection):
    subject = created(plan())
    pipeline.deliver(subject)
    pipeline.run()
    connection.cursor_factory = Awaiting
    touched = Touched("default", False, "subscription", "sub_pro", subject.id, subject.created_at)
    with connection.transaction(), connection.pipeline():
        tell(connection, [touched], None)
    assert [subject.id] == [row["cause"] for row in pipeline.rows("outbox")]


def test_a_clock_that_was_set_back_leaves_versions_growing(told, telling):
    told(created(plan()))
    ahead = datetime.now(UTC) + timedelta(microseconds=50)
    telling.database.execute("UPDATE outbox SET due_at = %s", [ahead])
    told(updated(plan("unpaid"), NOW + 1))
    first, second = written(telling)
    assert first["due_at"] < second["due_at"]


def test_a_whole_business_in_any_order_is_told_as_it_is(calling, database, redis):
    pipeline = Pipeline(calling.model_copy(update={"drain_batch": 100}), database, redis)
    bodies = list(simulate(seed=1, payments=5, subscriptions=30).bodies())
    Random(1).shuffle(bodies)
    pipeline.deliver(*bodies)
    pipeline.run()
    pipeline.close()
    told = {}
    for row in database.execute("SELECT * FROM outbox WHERE kind = 'access' ORDER BY due_at, id"):
        facts = {
            name: row["message"][name] for name in ("plan_type", "has_access", "reason", "subscription_id")
        }
        assert facts | {"until": row["message"]["access_until"]} != told.get(row["subject"])
        if row["due_at"] <= datetime.now(UTC):
            told[row["subject"]] = facts | {"until": row["message"]["access_until"]}
    true = {
        row["subject"]: {name: row[name] for name in ("plan_type", "has_access", "reason", "subscription_id")}
        | {"until": row["access_until"] and row["access_until"].astimezone(UTC).isoformat()}
        for row in database.execute(
            "SELECT *, jsonb_build_array(origin, user_id)::text AS subject FROM user_access"
        )
    }
    assert len(told) > 10
    assert told == {subject: facts for subject, facts in true.items() if subject in told}
    assert not any(facts["has_access"] for subject, facts in true.items() if subject not in told)
