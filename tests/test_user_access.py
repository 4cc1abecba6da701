"""Who has access: what a user's subscriptions grant, at the moment of asking and at any instant."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.billing_objects import DAY, NOON, event, item, price, subscription

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
