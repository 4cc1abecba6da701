"""Answers over HTTP come whole within the time-out, or not at all."""

import pytest
from pydantic import SecretStr

from ingest import woocommerce
from ingest.settings import Shop
from ingest.woocommerce import ShopFailure, WooCommerce
from tests.receiver import receiving


def test_a_shop_that_answers_byte_by_byte_is_waited_for_no_longer_than_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(woocommerce, "READ_SECONDS", 0.2)
    with receiving() as receiver:
        receiver.dripping.set()
        secret = SecretStr("s")
        shop = Shop(url=receiver.url, origin="", key=secret, secret=secret, webhook_secrets=(secret,))
        with pytest.raises(ShopFailure, match="ReadTimeoutError"):
            WooCommerce(shop).add_note(1, "paid")
