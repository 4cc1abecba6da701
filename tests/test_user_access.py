"""Who has access: what a user's subscriptions grant, at the moment of asking and at any instant."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tests.billing_objects import DAY, NOON, event, item, price, subscription
from tests.pipeline import Pipeline
from workers.simulator import simulate

AT_NOON = datetime.fromtimestamp(NOON, UTC)
END = NOON + 30 * DAY
PLAN = {"basic": 500, "pro": 2000, "enterprise": 9000}


def plan(name="pro", **more):
    """A subscription of user u_1 to this plan, made by the platform."""
    of = price(f"price_{name}", PLAN[name], metadata={"plan_type": name})
    metadata = {"user_id": "u_1", "source": "platform"}
    return subscription(item(of=of), **{"metadata": metadata, "id": f"sub_{name}", **more})


def created(subject, at=NOON):
    return event("customer.subscription.created", subject, at)


def updated(subject, at=NOON + 1):
    return event("customer.subscription.updated", subject, at)


@pytest.fixture
def access(pipeline):
    """`access(at, *events)`: whom the database lets in at a second, once these events were drained."""

    def access(at, *events):
        pipeline.deliver(*events)
        pipeline.run()
        rows = pipeline.database.execute(
            "SELECT * FROM user_access_as_of(to_timestamp(%s)) ORDER BY origin, user_id", [at]
        ).fetchall()
        return [
            (
                row["plan_type"],
                row["has_access"],
                row["reason"],
                row["access_until"] and (row["access_until"] - AT_NOON) / timedelta(days=1),
            )
            for row in rows
        ]

    return access


@pytest.mark.parametrize(
    "facts, expected",
    [
        ({"status": "active"}, ("pro", True, "active", None)),
        ({"status": "trialing", "trial_end": END}, ("pro", True, "trialing", None)),
        ({"status": "incomplete"}, ("pro", False, "none", None)),
        ({"status": "incomplete_expired"}, ("pro", False, "none", None)),
        ({"status": "unpaid"}, ("pro", False, "unpaid", None)),
        ({"status": "paused"}, ("pro", False, "paused", None)),
        ({"status": "unheard_of"}, ("pro", False, "none", None)),
        ({"status": "active", "pause_collection": {"behavior": "void"}}, ("pro", True, "active", None)),
        ({"cancel_at_period_end": True, "cancel_at": END}, ("pro", True, "canceled", 30)),
        ({"cancel_at_period_end": True}, ("pro", True, "canceled", 30)),
        ({"cancel_at": NOON + 9 * DAY}, ("pro", True, "canceled", 9)),
        ({"status": "trialing", "cancel_at": NOON + 9 * DAY}, ("pro", True, "canceled", 9)),
        ({"status": "canceled", "ended_at": NOON}, ("pro", False, "none", 0)),
        ({"status": "past_due"}, ("pro", True, "past_due", 7)),
        ({"status": "past_due", "cancel_at": NOON + 3 * DAY}, ("pro", True, "past_due", 3)),
    ],
)
def test_each_status_grants_what_it_says(access, facts, expected):
    assert [expected] == access(NOON, created(plan(**facts)))


@pytest.mark.parametrize(
    "facts, end, expected",
    [
        ({"cancel_at": NOON + 9 * DAY}, 9, ("pro", False, "none", 9)),
        ({"status": "past_due"}, 7, ("pro", False, "unpaid", 7)),
        ({"status": "canceled", "ended_at": NOON + DAY}, 1, ("pro", False, "none", 1)),
    ],
)
def test_access_ends_by_itself_at_the_very_instant_that_it_named(access, facts, end, expected):
    [(_, before, *_)] = access(NOON + end * DAY - 1, created(plan(**facts)))
    assert before
    assert [expected] == access(NOON + end * DAY)


def test_grace_counts_from_when_it_went_past_due_whatever_comes_then(access):
    late = {"status": "past_due"}
    events = [created(plan()), updated(plan(**late), NOON + 2 * DAY)]
    events.append(updated(plan(**late, description="dunned"), NOON + 4 * DAY))
    assert [("pro", True, "past_due", 9)] == access(NOON + 5 * DAY, *events)


def test_a_second_time_past_due_has_a_grace_of_its_own(access):
    events = [created(plan()), updated(plan(status="past_due"), NOON + DAY)]
    events += [updated(plan(), NOON + 2 * DAY), updated(plan(status="past_due"), NOON + 20 * DAY)]
    assert [("pro", True, "past_due", 27)] == access(NOON + 21 * DAY, *events)


def test_the_days_of_grace_are_configured(access, database):
    database.execute("INSERT INTO configuration VALUES ('access_grace_days', '2')")
    assert [("pro", True, "past_due", 2)] == access(NOON, created(plan(status="past_due")))


def test_of_several_subscriptions_the_best_plan_counts_and_of_equal_ones_the_longest(access):
    ending = {"cancel_at": NOON + 9 * DAY}
    basic, pro = created(plan("basic")), created(plan("pro", **ending))
    assert [("pro", True, "canceled", 9)] == access(NOON, basic, pro)
    assert [("basic", True, "active", None)] == access(NOON + 9 * DAY)
    assert [("pro", True, "active", None)] == access(NOON, created(plan("pro", id="sub_other")))
    assert [("enterprise", True, "active", None)] == access(NOON, created(plan("enterprise")))


def test_what_grants_access_counts_before_a_better_plan_that_does_not(access):
    events = created(plan("enterprise", status="unpaid")), created(plan("basic"))
    assert [("basic", True, "active", None)] == access(NOON, *events)


def test_a_user_whom_only_the_customer_names_has_access_whichever_comes_first(access):
    unnamed = created(plan(metadata={}))
    named = event("customer.created", {"id": "cus_1", "object": "customer", "created": NOON,
                                       "metadata": {"user_id": "u_2"}})  # fmt: skip
    assert [] == access(NOON, unnamed)
    assert [("pro", True, "active", None)] == access(NOON, named)


def test_users_are_told_apart_by_the_client_that_asked_for_them(access):
    other = plan("basic", id="sub_2", metadata={"user_id": "u_1", "source": "shop"})
    expected = [("pro", True, "active", None), ("basic", True, "active", None)]
    assert expected == access(NOON, created(plan()), created(other))


def test_nobody_has_access_before_the_subscription_was_made(access):
    assert [] == access(NOON - 1, created(plan()))


def test_what_was_true_then_is_told_whatever_came_since(access):
    events = [
        created(plan(status="incomplete")),
        updated(plan(), NOON + 60),
        updated(plan(cancel_at=NOON + 30 * DAY), NOON + 5 * DAY),
        updated(plan("basic", id="sub_pro"), NOON + 9 * DAY),
        event("customer.subscription.deleted", plan("basic", id="sub_pro", status="canceled",
                                                    ended_at=NOON + 12 * DAY), NOON + 12 * DAY),
    ]  # fmt: skip
    expected = {
        NOON: ("pro", False, "none", None),
        NOON + 60: ("pro", True, "active", None),
        NOON + 5 * DAY - 1: ("pro", True, "active", None),
        NOON + 5 * DAY: ("pro", True, "canceled", 30),
        NOON + 9 * DAY: ("basic", True, "active", None),
        NOON + 12 * DAY: ("basic", False, "none", 12),
    }
    access(NOON, *events[1:], events[0])
    assert expected == {at: access(at)[0] for at in expected}


def test_what_arrives_late_was_true_all_the_same(access):
    first, last = created(plan()), updated(plan(), NOON + 9 * DAY)
    access(NOON, first, last)
    assert [("pro", True, "active", None)] == access(NOON + 5 * DAY)
    late = updated(plan(status="unpaid"), NOON + 4 * DAY)
    assert [("pro", False, "unpaid", None)] == access(NOON + 5 * DAY, late)
    assert [("pro", True, "active", None)] == access(NOON + 9 * DAY)


def test_each_time_past_due_had_a_grace_of_its_own(access):
    events = [created(plan()), updated(plan(status="past_due"), NOON + DAY)]
    events += [updated(plan(), NOON + 2 * DAY), updated(plan(status="past_due"), NOON + 20 * DAY)]
    access(NOON, *events)
    assert [("pro", True, "past_due", 8)] == access(NOON + DAY)
    assert [("pro", True, "active", None)] == access(NOON + 2 * DAY)
    assert [("pro", True, "past_due", 27)] == access(NOON + 20 * DAY)


def test_a_subscription_belonged_to_whom_its_metadata_named_then(pipeline):
    moved = {"metadata": {"user_id": "u_2", "source": "platform"}}
    pipeline.deliver(created(plan()), updated(plan(**moved), NOON + DAY))
    pipeline.run()
    users = "SELECT user_id FROM user_access_as_of(to_timestamp(%s))"
    assert [{"user_id": "u_1"}] == pipeline.database.execute(users, [NOON]).fetchall()
    assert [{"user_id": "u_2"}] == pipeline.database.execute(users, [NOON + DAY]).fetchall()


def test_of_the_time_before_the_first_known_event_nothing_is_told(access):
    seen = updated(plan(created=NOON - 90 * DAY), NOON)
    assert [] == access(NOON - DAY, seen)
    assert [("pro", True, "active", None)] == access(NOON)


def test_what_is_told_of_a_day_is_what_was_told_on_that_day(settings, database, redis):
    """Of a whole business: the events until then, and no others, give the same by the newest facts."""
    bodies = [orjson.loads(body) for body in simulate(seed=3, payments=0, subscriptions=40).bodies()]
    instants = sorted({one["created"] for one in bodies})
    days = [instants[0] + part * (instants[-1] - instants[0]) // 6 for part in range(1, 6)]
    days = [day for day in days if not any(day - 5 < at <= day + 5 for at in instants)]
    assert len(days) > 2
    pipeline = Pipeline(settings, database, redis)
    pipeline.deliver(*bodies)
    pipeline.run()

    def told(day, newest):
        return database.execute(
            "SELECT * FROM user_access_at(to_timestamp(%s), %s) ORDER BY origin, user_id, account",
            [day, newest],
        ).fetchall()

    afterwards = {day: told(day, newest=False) for day in days}
    assert sum(map(len, afterwards.values())) > 20
    customers = [one for one in bodies if one["data"]["object"]["object"] == "customer"]
    for day, expected in afterwards.items():
        pipeline.forget()
        pipeline.deliver(*(one for one in bodies if one["created"] <= day or one in customers))
        pipeline.run()
        assert expected == told(day, newest=True)
    pipeline.close()


def test_the_view_tells_of_this_moment(access, database):
    access(NOON, created(plan()), created(plan("basic", metadata={"user_id": "u_2"}, cancel_at=NOON + DAY)))
    rows = database.execute("SELECT user_id, has_access FROM user_access ORDER BY user_id").fetchall()
    assert [("u_1", True), ("u_2", False)] == [tuple(row.values()) for row in rows]


def test_one_user_is_found_by_an_index(access, database):
    access(NOON, created(plan()))
    database.execute("SET enable_seqscan = off")
    plans = database.execute("EXPLAIN SELECT * FROM user_access WHERE user_id = 'u_1'").fetchall()
    explained = "\n".join(row["QUERY PLAN"] for row in plans)
    assert "subscriptions_by_user" in explained
    assert "customers_by_user" in explained
    assert "subscription_versions" not in explained


def test_one_user_is_found_by_an_index_in_the_past_too(access, database):
    access(NOON, created(plan()))
    database.execute("SET enable_seqscan = off")
    plans = database.execute(
        "EXPLAIN SELECT * FROM user_access_as_of(now() - interval '1 day') WHERE user_id = 'u_1'"
    ).fetchall()
    explained = "\n".join(row["QUERY PLAN"] for row in plans)
    assert "subscription_versions_by_user" in explained
    assert "customers_by_user" in explained
    assert "subscriptions_by_user" not in explained
