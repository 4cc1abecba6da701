"""Whose key it is: several a source, compared whole, and written nowhere."""

import pytest
from starlette.requests import Request

from ingest.api_keys import ApiKeys, Unauthorized
from ingest.settings import InvalidSettings, Settings
from workers.up import ours

KEYS = "shop:one, shop:two ,My-Shop:three,platform:with:colon,"


@pytest.fixture
def keys():
    return ApiKeys(Settings.from_environment({"API_KEYS": KEYS}))


def bearing(authorization):
    return Request({"type": "http", "headers": [(b"authorization", authorization.encode("latin-1"))]})


@pytest.mark.parametrize(
    ("key", "source"), [("one", "shop"), ("two", "shop"), ("three", "my_shop"), ("with:colon", "platform")]
)
def test_a_key_names_its_source(keys, key, source):
    assert keys.source(bearing(f"Bearer {key}")) == source


@pytest.mark.parametrize("key", ["", "on", "onee", "ONE", "shop:one", "one,two", "ü", "\xff"])
def test_what_is_no_key_whole_is_none(keys, key):
    with pytest.raises(Unauthorized):
        keys.source(bearing(f"Bearer {key}"))


def test_without_keys_nobody_is_let_in():
    with pytest.raises(Unauthorized):
        ApiKeys(Settings.from_environment({})).source(bearing("Bearer "))


@pytest.mark.parametrize("listed", ["one", "shop:", ":one", "shop:ü", "sh op:one"])
def test_a_list_that_names_no_source_or_no_key_is_refused_without_showing_it(listed):
    with pytest.raises(InvalidSettings, match="API_KEYS") as refused:
        Settings.from_environment({"API_KEYS": listed})
    assert "one" not in str(refused.value)


def test_a_key_of_two_sources_is_refused():
    with pytest.raises(InvalidSettings, match="two sources"):
        Settings.from_environment({"API_KEYS": "shop:one,platform:one"})


def test_keys_are_shown_and_kept_nowhere():
    settings = Settings.from_environment({"API_KEYS": KEYS})
    assert "three" not in repr(settings)
    assert ours({"API_KEYS": KEYS, "PORT": "8000"}) == {"PORT": "8000"}
