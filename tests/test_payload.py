"""Reading the signed bytes: strict about JSON, and never more than Postgres can hold."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.payload import DEPTH, NotJson, parse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda values: st.lists(values) | st.dictionaries(st.text(st.characters(exclude_categories=())), values),
    max_leaves=12,
)


def nested(depth: int, innermost: str = "1") -> bytes:
    return f'{{"a":{"[" * depth}{innermost}{"]" * depth}}}'.encode()


def test_an_ordinary_payload_is_taken_as_it_is():
    assert parse(b'{"amount": 1999, "name": "caf\xc3\xa9"}') == (
        {"amount": 1999, "name": "café"},
        None,
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1} {}', "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'{"a": "\x00"}', "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": %s}' % (b"9" * 5000), "not JSON"),
        (b"[]", "a JSON list"),
        (b'"evt_1"', "a JSON str"),
        (b"null", "a JSON NoneType"),
        (nested(200_000), "too deeply"),
        (nested(DEPTH + 1, '"\\u0000"'), "too deeply"),
        (nested(900, "1e999"), "too deeply"),
    ],
)
def test_what_is_no_json_object_is_refused_with_the_reason(raw, reason):
    with pytest.raises(NotJson, match=reason):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"a\\u0000b"', "a\N{REPLACEMENT CHARACTER}b"),
        (b'"a\\ud800b"', "a\N{REPLACEMENT CHARACTER}b"),
        (b'"\\ud83d\\ude00 \\udc00"', "\N{GRINNING FACE} \N{REPLACEMENT CHARACTER}"),
        (b"[1e999, -1e999, 1.5]", [None, None, 1.5]),
        (b'[1e999, 9999999999999999999999, "\\ud800"]', [None, "9" * 22, "\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_what_postgres_cannot_hold_is_cleaned_and_only_that(raw, value):
    parsed, form = parse(b'{"a": %s}' % raw)
    assert parsed == {"a": value}
    assert form is not None
    assert json.loads(form) == parsed


def test_keys_are_cleaned_like_values():
    assert parse(b'{"a\\u0000": 1}')[0] == {"a\N{REPLACEMENT CHARACTER}": 1}


def test_a_nesting_is_bounded_the_same_whether_it_needs_cleaning_or_not():
    assert parse(nested(DEPTH - 2))[1] is None
    with pytest.raises(NotJson, match="too deeply"):
        parse(nested(DEPTH + 1))


def test_an_identifier_is_not_taken_for_a_number():
    assert parse(b'{"id":"ch_0e12345","fingerprint":"9e-99999"}')[1] is None


@pytest.mark.parametrize(
    "number",
    ["1e-16384", "0e-20000", "1.0E-16383", "-0e99999999999", f"0.{'0' * 20_000}1", f"1.{'9' * 7000}e-9999"],
)
def test_a_number_finer_than_numeric_is_cleaned(database, number):
    for raw in (f'{{"a":{number}}}', f'{{"a": [1, {number}]}}'):
        _, form = parse(raw.encode())
        assert form is not None
        assert is_jsonb(database, form)


@pytest.mark.parametrize("number", ["1e-16383", "1e308", "-5e-324", "0e9999", f"0.{'1' * 16_383}"])
def test_a_number_that_numeric_holds_is_jsonb_in_either_form(database, number):
    raw = f'{{"a": {number}}}'
    assert is_jsonb(database, parse(raw.encode())[1] or raw)


def test_every_json_object_has_a_form_that_jsonb_takes(database):
    @settings(max_examples=300, deadline=None)
    @given(value=st.dictionaries(st.text(), JSON, max_size=4), ascii_only=st.booleans())
    def check(value, ascii_only):
        try:
            raw = json.dumps(value, ensure_ascii=ascii_only).encode()
        except UnicodeEncodeError:  # a lone surrogate has no other form than its escape
            raw = json.dumps(value).encode()
        if b"Infinity" in raw:
            raw = raw.replace(b"Infinity", b"1e999")
        parsed, form = parse(raw)
        assert is_jsonb(database, form or raw.decode())
        assert orjson.loads(form or raw) == parsed

    check()


@given(raw=st.binary() | st.text().map(str.encode))
def test_whatever_the_bytes_are_they_are_an_object_or_refused(raw):
    try:
        value, _ = parse(raw)
    except NotJson:
        return
    assert isinstance(value, dict)


def is_jsonb(database, text: str) -> bool:
    return database.execute("SELECT jsonb_typeof(%s::jsonb) AS type", (text,)).fetchone()["type"] == "object"
