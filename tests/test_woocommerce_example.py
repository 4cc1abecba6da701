"""The example of a themed shop's side: PHP reads it, and runs it beside stand-ins for WordPress."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parent.parent / "deploy" / "woocommerce" / "hooklog-gateway.php"
STAND_IN = Path(__file__).with_name("wordpress_stand_in.php")

pytestmark = pytest.mark.skipif(shutil.which("php") is None, reason="PHP is not installed")


@pytest.fixture(scope="module")
def did() -> Any:
    """What the gateway did for an order, and for one that is not there."""
    ran = subprocess.run(
        ["php", STAND_IN, EXAMPLE, "wc_order_a&b</script>"], capture_output=True, text=True, check=False
    )
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def test_php_reads_the_example() -> None:
    checked = subprocess.run(["php", "-l", EXAMPLE], capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stdout


def test_a_customer_goes_on_to_the_orders_payment_page(did: Any) -> None:
    assert ("hooklog", True) == (did["id"], did["available"])
    assert {"result": "success", "redirect": "https://shop.example.com/order-pay/1001"} == did["paid"]


def test_an_order_that_is_not_there_is_a_failure_and_no_fault(did: Any) -> None:
    assert ({"result": "failure"}, "") == (did["unknown"], did["nothing"])


def test_the_page_asks_for_the_payment_by_the_orders_own_key_and_nothing_breaks_out_of_it(did: Any) -> None:
    source, script = did["scripts"]["stripe-js"]
    assert source.startswith("https://js.stripe.com/")
    assert "</script" not in script
    told = json.loads(re.search(r"\)\((\{.*\})\);$", script, re.DOTALL)[1])  # type: ignore[index]
    assert told["intent"] == (
        "https://hooklog.example.com/payments/orders/woocommerce/my%20shop/1001/intent"
        "?key=wc_order_a%26b%3C%2Fscript%3E"
    )
    assert told["return"].endswith("?a=</script>")
    assert 'id="hooklog-payment"' in did["page"]
