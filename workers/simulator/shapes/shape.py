"""What all shapes share."""

from typing import Any

Shape = dict[str, Any]


def listing(url: str, data: list[Shape]) -> Shape:
    """One page of a list, as Stripe puts it inside an object."""
    return {"object": "list", "data": data, "has_more": False, "total_count": len(data), "url": url}


def secret(owner: str) -> str:
    """A client secret: whoever holds it may finish the payment."""
    return f"{owner}_secret_{owner[:2:-1]}"
