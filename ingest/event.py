"""A Stripe event: raw when stored, parsed when read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple, Self

from ingest.payload import parse

DEFAULT_ACCOUNT = "default"


class MalformedEvent(ValueError):
    """The body is no Stripe event: it lacks a usable id, type or created. Check what posts here."""


class Identity(NamedTuple):
    """What one object of Stripe's is: ids alone repeat between accounts, live and test, and kinds."""

    account: str
    livemode: bool
    object: str
    object_id: str


@dataclass(frozen=True, eq=False)
class Event:
    """One event as it was delivered: what routes it, and the bytes that were signed.

    `created_at` is Stripe's clock in whole seconds (milliseconds for thin events). `object_id` is None
    where the event describes no lasting object (`invoice.upcoming` previews one), and "" where the
    object is the account's only one (`balance`). `raw` is the signed body,
    `body` the same parsed, `jsonb_form` its cleaned JSON where `jsonb` refuses it, else None.
    """

    id: str
    type: str
    created_at: datetime
    api_version: str | None
    source: str
    account: str
    livemode: bool
    object_type: str
    object_id: str | None
    raw: bytes = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    jsonb_form: str | None = field(repr=False)

    @classmethod
    def read(cls, raw: bytes, *, source: str, account: str = DEFAULT_ACCOUNT) -> Self:
        """Read a signed body; `account` is the source's, unless the event names its own (Connect).

        Raises NotJson or MalformedEvent, each with a sentence for the sender.
        """
        body, form = parse(raw)
        event_id, kind = _text(body, "id"), _text(body, "type")
        thin = str(body.get("object", "")).startswith("v2.")
        subject = body.get("related_object") if thin else _data(body)
        subject = subject if isinstance(subject, dict) else {}
        return cls(
            id=event_id,
            type=kind,
            created_at=_instant(body.get("created")),
            api_version=_optional_text(body.get("api_version")),
            source=source,
            account=_optional_text(body.get("account")) or account,
            livemode=body.get("livemode") is True,
            object_type=_optional_text(subject.get("type" if thin else "object")) or "",
            object_id=_object_id(kind, subject),
            raw=raw,
            body=body,
            jsonb_form=form,
        )

    @property
    def thin(self) -> bool:
        """A v2 event: it names its object and carries none, so only the history keeps it."""
        return "data" not in self.body or str(self.body.get("object", "")).startswith("v2.")

    @cached_property
    def object(self) -> Mapping[str, Any]:
        """`data.object`: the object as it was when the event was made."""
        return _data(self.body) or {}

    @property
    def previous_attributes(self) -> Mapping[str, Any]:
        """The changed values before this event; empty where the event names none."""
        data = self.body.get("data")
        previous = data.get("previous_attributes") if isinstance(data, dict) else None
        return previous if isinstance(previous, dict) else {}

    @cached_property
    def identity(self) -> Identity | None:
        """The object it tells of; None for thin events and previews, which the history alone keeps."""
        if self.object_id is None or not self.object_type or self.thin:
            return None
        return Identity(self.account, self.livemode, self.object_type, self.object_id)

    @property
    def created(self) -> int:
        """Stripe's clock, in whole seconds since 1970."""
        return int(self.created_at.timestamp())


def _data(body: Mapping[str, Any]) -> dict[str, Any] | None:
    data = body.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return subject if isinstance(subject, dict) else None


def _object_id(kind: str, subject: Mapping[str, Any]) -> str | None:
    if kind == "invoice.upcoming":
        return None
    own = subject.get("id")
    if own is not None:  # a merchant may choose any characters for a coupon's
        return own if isinstance(own, str) and 0 < len(own) <= 255 else None
    # Old discounts, cash balances and entitlement summaries have no id: there is one to an owner.
    for owner in ("subscription", "customer"):
        named = subject.get(owner)
        named = _optional_text(named.get("id") if isinstance(named, dict) else named)
        if named:
            return named
    return "" if subject.get("object") else None


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise MalformedEvent(f"the event has no usable {field!r}: expected a short, printable string")
    return value


def _optional_text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() else None


def _instant(created: object) -> datetime:
    try:
        match created:
            case bool():
                pass
            case int() if created >= 0:
                return datetime.fromtimestamp(created, UTC)
            case str():
                instant = datetime.fromisoformat(created)
                return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise MalformedEvent("the event has no usable 'created': expected seconds since 1970 or ISO 8601")
