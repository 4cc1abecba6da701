"""What is to be told of a user's access: only changes, in order, and each at its instant. Pure."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from projections.access import NOTHING, TICK, Access, Due, retold

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PRO = Access("pro", True, None, "active", "sub_1")
ENDING = PRO._replace(reason="canceled", access_until=NOW + timedelta(days=9))
GONE = ENDING._replace(has_access=False, reason="none")


def after(days: int, access: Access) -> Due:
    return Due(NOW + timedelta(days=days), access)


def test_a_first_access_is_told_now():
    assert [after(0, PRO)] == retold([after(0, PRO)], None, [])


def test_what_was_told_already_is_not_told_again():
    assert retold([after(0, PRO)], after(-3, PRO), []) is None


def test_an_end_is_told_when_it_comes():
    timeline = [after(0, ENDING), after(9, GONE)]
    assert timeline == retold(timeline, after(-3, PRO), [])
    assert retold(timeline, after(-1, ENDING), [after(9, GONE)]) is None


def test_a_plan_that_no_longer_holds_is_replaced_even_by_nothing():
    assert [] == retold([after(0, ENDING)], after(-1, ENDING), [after(9, GONE)])


def test_instants_at_which_nothing_changes_are_left_out():
    timeline = [after(0, PRO), after(2, PRO), after(4, ENDING), after(5, ENDING)]
    assert [after(0, PRO), after(4, ENDING)] == retold(timeline, None, [])


def test_of_who_never_had_access_nothing_is_told_until_he_has():
    never = Access("pro", False, None, "none", "sub_1")
    assert retold([after(0, never)], None, []) is None
    assert [after(1, PRO)] == retold([after(0, never), after(1, PRO)], None, [])
    assert [after(0, never)] == retold([after(0, never)], after(-1, PRO), [])


def test_a_telling_is_later_than_the_one_before_though_the_clock_was_set_back():
    assert [Due(NOW + TICK, GONE)] == retold([after(-1, GONE)], after(0, PRO), [])


accesses = st.sampled_from([PRO, ENDING, GONE, NOTHING])
timelines = st.lists(accesses, min_size=1, max_size=6).map(
    lambda found: [after(days, access) for days, access in enumerate(found)]
)


@given(timelines, st.none() | accesses.map(lambda access: after(-1, access)), timelines)
def test_who_hears_all_of_it_knows_the_truth_at_every_instant_and_hears_nothing_twice(
    timeline, told, planned
):
    new = retold(timeline, told, planned[1:])
    heard = [due for due in (told, *(planned[1:] if new is None else new)) if due]
    for true in timeline:
        known = [due.access for due in heard if due.at <= true.at]
        assert true.access == (known[-1] if known else NOTHING) or not (known or true.access.has_access)
    if new is not None:
        assert all(one.at < then.at and one.access != then.access for one, then in pairwise(heard))
        assert retold(timeline, told, new) is None
