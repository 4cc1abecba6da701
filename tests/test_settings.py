"""The environment is read once, and what is wrong in it is named."""

import pytest

from ingest.settings import InvalidSettings, Settings, label


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings() == Settings.from_environment({"PORT": "", "REDIS_URL": " "})


def test_every_wrong_variable_is_named() -> None:
    with pytest.raises(InvalidSettings, match=r"(?s)PORT: .*integer.*LOG_PARTITIONS: .*greater"):
        Settings.from_environment({"PORT": "eighty", "LOG_PARTITIONS": "0"})


@pytest.mark.parametrize("variable", ["DATABASE_URL", "ANALYST_DATABASE_URL"])
@pytest.mark.parametrize(
    "named",
    [
        "postgres://u:p@h/d",
        "postgresql:///d",
        "postgresql://u:%2F%40?x@h:/d",
        "postgresql://a:1,[::1]:2/d?target_session_attrs=any",
        "postgresql://%2Frun/d",
        "host=h password=1%",
        r" host = h password='it\'s one' options=-c\ work_mem=1MB user=",
        "postgresql://h/d?options=-c%20work_mem%3D1MB&user=",
    ],
)
def test_a_database_is_named_as_libpq_has_it(variable: str, named: str) -> None:
    assert named in Settings.from_environment({variable: named}).model_dump().values()


@pytest.mark.parametrize("variable", ["DATABASE_URL", "ANALYST_DATABASE_URL"])
@pytest.mark.parametrize(
    "wrong",
    [
        "postgres//u:secret@h/d",
        "postgresql://u:x@secret@h/d",
        "postgresql://u:secret/x@h/d",
        "postgresql://u:secret%@h/d",
        "postgresql://u:secret @h/d",
        "postgresql://h:secret/d",
        "postgresql://u:secret%00@h/d",
        "postgresql://h/d?user=u&password=x&secret",
        "postgresql://h/d?user=u&password=x&y=secret=",
        "host=h password=x secret",
        "host=h password='x secret",
        "host=h password='x' secret",
    ],
)
def test_what_names_no_database_is_said_without_being_told(variable: str, wrong: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{variable}: names no database: set postgresql:") as refused:
        Settings.from_environment({variable: wrong})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("variable", ["REDIS_URL", "RQ_REDIS_URL"])
@pytest.mark.parametrize(
    "named",
    ["redis://h:6379/0", "rediss://u:p@h/0", "unix:///run/redis.sock?db=2", "redis://[::1]?protocol=3"],
)
def test_a_redis_is_named_as_its_client_has_it(variable: str, named: str) -> None:
    assert named in Settings.from_environment({variable: named}).model_dump().values()


@pytest.mark.parametrize("variable", ["REDIS_URL", "RQ_REDIS_URL"])
@pytest.mark.parametrize(
    "wrong",
    [
        "u:secret@h:6379",
        "redis://u:x@secret@h",
        "redis://u:secret/x@h",
        "redis://u:secret#x@h",
        "redis://u:secret?x@h",
        "redis://h:secret/0",
        "redis://:secret@h/hooklog",
        "redis://:secret@h:65536",
    ],
)
def test_what_names_no_redis_is_said_without_being_told(variable: str, wrong: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{variable}: names no Redis: set redis://") as refused:
        Settings.from_environment({variable: wrong})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("wrong", ["timeout_of_sockets=3", "socket_timeout=soon"])
def test_a_redis_is_not_named_with_what_its_client_does_not_know(wrong: str) -> None:
    with pytest.raises(InvalidSettings, match="REDIS_URL: has a parameter after"):
        Settings.from_environment({"REDIS_URL": f"redis://localhost:6379/0?{wrong}"})


def test_secrets_are_lists_by_source_and_no_representation_shows_them() -> None:
    settings = Settings.from_environment(
        {"STRIPE_WEBHOOK_SECRET": "whsec_old, whsec_new", "STRIPE_WEBHOOK_SECRET_MY_SHOP": "whsec_shop"}
    )
    assert {"default": 2, "my_shop": 1} == {name: len(its) for name, its in settings.webhook_secrets.items()}
    assert "whsec" not in repr(settings)


@pytest.mark.parametrize("path", ["my-shop", "My_Shop", "MY-SHOP"])
def test_a_source_is_one_however_its_path_is_written(path: str) -> None:
    assert "my_shop" == label(path)


@pytest.mark.parametrize("other", ["STRIPE_WEBHOOK_SECRET_my-shop", "STRIPE_WEBHOOK_SECRET_My_Shop"])
def test_two_variables_of_one_source_are_refused(other: str) -> None:
    with pytest.raises(InvalidSettings, match=f"STRIPE_WEBHOOK_SECRET_MY_SHOP and {other} name one source"):
        Settings.from_environment({"STRIPE_WEBHOOK_SECRET_MY_SHOP": "whsec_a", other: "whsec_b"})


def test_a_sources_account_is_its_own_or_that_of_all_or_the_default() -> None:
    both = Settings.from_environment({"STRIPE_ACCOUNT": "acct_all", "STRIPE_ACCOUNT_SHOP": "acct_shop"})
    assert ("acct_shop", "acct_all") == (both.account_of("shop"), both.account_of("other"))
    assert "default" == Settings().account_of("shop")


def test_a_price_of_two_plans_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="a price is of one plan"):
        Settings.from_environment({"STRIPE_PRICE_PRO_YEARLY": "p", "STRIPE_PRICE_BASIC_YEARLY": "p"})


def test_a_price_stands_for_its_plan() -> None:
    settings = Settings.from_environment({"STRIPE_PRICE_PRO_YEARLY": "price_1"})
    assert {"price_1": ("pro", "year")} == settings.prices


def test_a_callback_has_an_address_and_what_signs_it() -> None:
    settings = Settings.from_environment(
        {
            "CALLBACK_URL": "https://all.example/hooks",
            "CALLBACK_SECRET": "whsec_c2VjcmV0, whsec_bmV3",
            "CALLBACK_URL_PLATFORM": "https://platform.example/hooks",
        }
    )
    addresses = [found and found.url for found in map(settings.callback_of, ("Platform", "shop", None))]
    assert ["https://platform.example/hooks", *["https://all.example/hooks"] * 2] == addresses
    assert [2, 2] == [len(callback.secrets) for callback in settings.callbacks.values()]
    assert settings.callback_origins is None
    assert "c2VjcmV0" not in repr(settings)


def test_without_a_callback_for_all_only_those_named_are_called() -> None:
    settings = Settings.from_environment({"CALLBACK_URL_MY_SHOP": "http://shop", "CALLBACK_SECRET": "s"})
    assert ["my_shop"] == settings.callback_origins
    assert settings.callback_of("platform") is None
    assert settings.callback_of(None) is None
    assert settings.callback_of("My-Shop") is not None


@pytest.mark.parametrize(
    "given", [{}, {"CALLBACK_SECRET_SHOP": "s"}, {"CALLBACK_SECRET": "whsec_not base64"}]
)
def test_a_callback_that_nothing_signs_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings, match="CALLBACK_SECRET"):
        Settings.from_environment({"CALLBACK_URL_PLATFORM": "https://platform.example", **given})


def test_a_callback_goes_by_http() -> None:
    with pytest.raises(InvalidSettings, match="CALLBACK_URL"):
        Settings.from_environment({"CALLBACK_URL": "ftp://example", "CALLBACK_SECRET": "s"})
