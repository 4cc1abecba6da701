"""Plotly's script, as its package ships it, and what it takes to run it under a strict policy."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

STYLE_HASH = "sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o="
"""The one style sheet that the script adds when it is loaded (that of its maps, which are not used here).

Another release may have another: then the browser refuses it, and says so on its console.
"""


def script() -> Path:
    """The script's file."""
    package = find_spec("plotly")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "package_data" / "plotly.min.js"


def release() -> str:
    """The package's version, which stands in the script's address."""
    return version("plotly")
