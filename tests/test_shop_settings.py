"""A shop is configured whole, or refused by the name of what is missing."""

import pytest

from ingest.settings import InvalidSettings, Settings

SHOP = {
    "WOOCOMMERCE_URL_MY_SHOP": "https://shop.example.com/store/",
    "WOOCOMMERCE_KEY_MY_SHOP": "ck_1",
    "WOOCOMMERCE_SECRET_MY_SHOP": "cs_1",
    "WOOCOMMERCE_WEBHOOK_SECRET_MY_SHOP": "old, new",
}


def test_a_shop_is_read_and_no_representation_shows_its_secrets() -> None:
    settings = Settings.from_environment(SHOP)
    shop = settings.shops["my_shop"]
    assert ("https://shop.example.com/store", "https://shop.example.com") == (shop.url, shop.origin)
    assert ["old", "new"] == [secret.get_secret_value() for secret in shop.webhook_secrets]
    assert not any(secret in repr(settings) for secret in ("ck_1", "cs_1", "old"))


def test_a_headless_shops_pages_stand_elsewhere() -> None:
    shops = Settings.from_environment(SHOP | {"WOOCOMMERCE_ORIGIN_MY_SHOP": "https://www.example.com"}).shops
    assert "https://www.example.com" == shops["my_shop"].origin


@pytest.mark.parametrize("missing", sorted(SHOP))
def test_each_of_a_shops_variables_is_needed(missing: str) -> None:
    with pytest.raises(InvalidSettings, match=missing):
        Settings.from_environment({name: value for name, value in SHOP.items() if name != missing})


def test_a_key_goes_over_nothing_but_https() -> None:
    with pytest.raises(InvalidSettings, match="WOOCOMMERCE_URL_MY_SHOP must be https"):
        Settings.from_environment(SHOP | {"WOOCOMMERCE_URL_MY_SHOP": "http://shop.example.com"})
    local = SHOP | {"WOOCOMMERCE_URL_MY_SHOP": "http://localhost:8080"}
    assert "http://localhost:8080" == Settings.from_environment(local).shops["my_shop"].url
