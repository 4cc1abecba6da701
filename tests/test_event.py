"""What an event says of itself: whose it is, of which object, when."""

import json
from datetime import UTC, datetime

import pytest

from ingest.event import Event, Identity, MalformedEvent

INTENT = {"id": "pi_1", "object": "payment_intent", "amount": 1999}


def body(subject: object = INTENT, **changes: object) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.created",
        "created": 1_700_000_000,
        "api_version": "2026-10-28.endive",
        "livemode": True,
        "data": {"object": subject},
    }
    given = {name: value for name, value in {**event, **changes}.items() if value is not ...}
    return json.dumps(given).encode()


def read(subject: object = INTENT, **changes: object) -> Event:
    return Event.read(body(subject, **changes), source="shop", account="acct_shop")


def test_an_event_is_routed_by_what_it_says_and_keeps_the_bytes_that_were_signed():
    event = read()
    assert event.raw == body()
    assert (event.id, event.type, event.source) == ("evt_1", "payment_intent.created", "shop")
    assert event.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert event.created == 1_700_000_000
    assert event.api_version == "2026-10-28.endive"
    assert event.identity == Identity("acct_shop", True, "payment_intent", "pi_1")
    assert event.object == INTENT
    assert event.previous_attributes == {}


def test_an_event_of_a_connected_account_names_its_own():
    assert read(account="acct_connected").identity.account == "acct_connected"


def test_what_changed_comes_with_an_update():
    event = read(data={"object": INTENT, "previous_attributes": {"amount": 5}})
    assert event.previous_attributes == {"amount": 5}


@pytest.mark.parametrize("livemode", [False, None, "true", 1, ...])
def test_only_true_is_live(livemode):
    assert read(livemode=livemode).livemode is False


@pytest.mark.parametrize("version", [None, ..., 5, ""])
def test_the_api_version_may_be_missing(version):
    assert read(api_version=version).api_version is None


@pytest.mark.parametrize("field", ["id", "type"])
@pytest.mark.parametrize("value", [None, ..., "", 5, True, [], {}, "x" * 256, "evt\n1"])
def test_an_event_needs_a_usable_id_and_type(field, value):
    with pytest.raises(MalformedEvent, match=field):
        read(**{field: value})


@pytest.mark.parametrize(
    "created",
    [None, ..., True, 1.5, -1, 10**15, 10**30, "", "soon", "1700000000.5", [], "0001-01-01T00:00:00+23:00"],
)
def test_an_event_needs_a_usable_time(created):
    with pytest.raises(MalformedEvent, match="created"):
        read(created=created)


@pytest.mark.parametrize(
    "created",
    ["2026-03-01T10:00:00.123Z", "2026-03-01T12:00:00.123+02:00", "2026-03-01T10:00:00.123"],
)
def test_a_time_in_iso_8601_is_utc_whatever_its_offset(created):
    event = read(created=created)
    assert event.created_at == datetime(2026, 3, 1, 10, 0, 0, 123_000, UTC)
    assert event.created_at.tzinfo is UTC


def test_a_thin_event_names_its_object_and_has_no_identity():
    event = read(
        object="v2.core.event",
        type="v1.billing.meter.error_report_triggered",
        created="2026-03-01T10:00:00.000Z",
        data=...,
        related_object={"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
    )
    assert event.thin
    assert (event.object_type, event.object_id) == ("billing.meter", "mtr_1")
    assert event.identity is None
    assert event.object == {}


def test_a_thin_event_may_have_no_object_at_all():
    event = read(object="v2.core.event", data=..., related_object=None)
    assert (event.thin, event.object_type, event.object_id) == (True, "", None)


def test_a_previewed_invoice_is_no_object_even_where_it_has_an_id():
    for subject in ({"object": "invoice"}, {"object": "invoice", "id": "upcoming_in_1"}):
        assert read(subject, type="invoice.upcoming").identity is None


def test_a_balance_is_the_only_one_of_its_account():
    identity = Identity("acct_shop", True, "balance", "")
    assert read({"object": "balance"}, type="balance.available").identity == identity


@pytest.mark.parametrize(
    ("subject", "owner"),
    [
        ({"customer": "cus_1", "subscription": "sub_1"}, "sub_1"),
        ({"customer": "cus_1", "subscription": None}, "cus_1"),
        ({"customer": {"id": "cus_1", "object": "customer"}}, "cus_1"),
        ({"id": None, "customer": "cus_1"}, "cus_1"),
        ({"id": "di_1", "customer": "cus_1"}, "di_1"),
    ],
)
def test_a_discount_without_an_id_is_its_owners(subject, owner):
    event = read({"object": "discount", **subject}, type="customer.discount.created")
    assert event.object_id == owner


@pytest.mark.parametrize("chosen", ["SUMMER\N{NO-BREAK SPACE}20", "été", "a b", "x" * 255])
def test_an_id_may_be_any_that_a_merchant_chose(chosen):
    assert read({"object": "coupon", "id": chosen}).object_id == chosen


@pytest.mark.parametrize("useless", ["", 5, [], "x" * 256])
def test_an_object_whose_id_is_useless_has_no_identity(useless):
    assert read({"object": "coupon", "id": useless, "customer": "cus_1"}).identity is None


@pytest.mark.parametrize("data", [..., None, [], "x", {}, {"object": None}, {"object": "pi_1"}])
def test_an_event_without_an_object_is_read_and_has_no_identity(data):
    event = read(data=data)
    assert event.identity is None
    assert event.object == {}


def test_a_null_character_in_metadata_is_replaced_and_the_signed_bytes_stay():
    event = read({**INTENT, "metadata": {"note": "a\x00b"}})
    assert event.object["metadata"] == {"note": "a\N{REPLACEMENT CHARACTER}b"}
    assert b"a\\u0000b" in event.raw
    assert event.jsonb_form is not None
    assert "\\u0000" not in event.jsonb_form
