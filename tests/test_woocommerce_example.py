"""The example of a themed shop's side: PHP reads it, and that is all that is known of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "deploy" / "woocommerce" / "hooklog-gateway.php"


@pytest.mark.skipif(shutil.which("php") is None, reason="PHP is not installed")
def test_php_reads_the_example() -> None:
    checked = subprocess.run(["php", "-l", EXAMPLE], capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stdout
