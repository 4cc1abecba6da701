"""A thousand mutations each: none of what is signed passes, and nothing at all breaks the endpoint."""

from string import ascii_letters, digits

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.web_process import event, serving, sign

MUTATIONS = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))

# What a header can carry: everything but the ends of a line, as its bytes.
FIELD_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)
BYTES = st.binary(min_size=1, max_size=40)


@pytest.fixture(scope="module")
def web(servers):
    with serving(servers.redis_url) as web:
        yield web


@pytest.fixture(scope="module")
def signed():
    """A body, the time in its header, and two signatures of it, as while secrets are rolled."""
    body = event()
    time, signature = sign(body).split(",")
    other = sign(body, "whsec_rolled").split(",")[1]
    return body, time.removeprefix("t="), [signature.removeprefix("v1="), other.removeprefix("v1=")]


@st.composite
def mutated(draw, original, piece):
    """`original` with something replaced, inserted, removed or doubled; or something else entirely."""
    start = draw(st.integers(0, len(original)))
    end = draw(st.integers(start, min(len(original), start + 3)))
    middle = draw(st.one_of(piece, st.just(original[:0]), st.just(original[start:end] * 2)))
    result = draw(st.one_of(st.just(original[:start] + middle + original[end:]), piece))
    assume(result != original)
    return result


def test_no_mutation_of_the_body_is_accepted(web, signed):
    body, time, [signature, _] = signed

    @MUTATIONS
    @given(changed=mutated(body, BYTES))
    def check(changed):
        assert web.post(changed, signature=f"t={time},v1={signature}").status == 400

    check()


def test_no_mutation_of_the_time_is_accepted(web, signed):
    body, time, [signature, _] = signed

    @MUTATIONS
    @given(changed=mutated(time, FIELD_TEXT))
    def check(changed):
        assert web.post(body, signature=f"t={changed},v1={signature}").status == 400

    check()


def test_no_mutation_of_every_signature_is_accepted(web, signed):
    body, time, signatures = signed

    @MUTATIONS
    @given(first=mutated(signatures[0], FIELD_TEXT), second=mutated(signatures[1], FIELD_TEXT))
    def check(first, second):
        # Blanks around a header's value are no part of it.
        assume(second.strip(" \t") != signatures[1])
        assert web.post(body, signature=f"t={time},v1={first},v1={second}").status == 400

    check()


TOKEN = st.text(ascii_letters + digits + "-_!#$%&'*+.^`|~", min_size=1)
METHODS = st.sampled_from(["POST", "GET", "HEAD", "PUT", "OPTIONS", "TRACE", "CONNECT", "PATCH"]) | TOKEN
TARGETS = st.one_of(
    st.just("/webhooks"),
    FIELD_TEXT.map("/webhooks/{}".format),
    FIELD_TEXT.map("/webhooks?{}".format),
    FIELD_TEXT.map("/{}".format),
    FIELD_TEXT,
)
# Others than those that say where the request ends.
FRAMING = ("content-length", "transfer-encoding", "connection")
KNOWN_FIELDS = ["Content-Type", "Content-Encoding", "Expect", "Host", "Upgrade", "Cookie", "Accept"]
HEADERS = st.dictionaries(
    st.sampled_from(KNOWN_FIELDS) | TOKEN.filter(lambda name: name.lower() not in FRAMING),
    FIELD_TEXT,
    max_size=4,
)


def test_nothing_else_that_is_changed_breaks_the_endpoint(web, signed):
    body, time, [signature, _] = signed
    plain = f"t={time},v1={signature}"

    @MUTATIONS
    @given(
        method=METHODS,
        target=TARGETS,
        headers=HEADERS,
        signature=st.one_of(
            st.just(plain), FIELD_TEXT.map(f"{plain},{{}}".format), mutated(plain, FIELD_TEXT)
        ),
    )
    def check(method, target, headers, signature):
        answer = web.request(method, target, {**headers, "Stripe-Signature": signature}, body)
        assert answer.status < 500

    check()
    assert not [line for line in web.lines() if "error" in line]


def test_a_delivery_in_its_original_form_is_still_accepted(web, signed):
    body, *_ = signed
    other = sign(body, "whsec_rolled").split(",")[1]
    time, signature = sign(body).split(",")  # a thousand mutations may have taken longer than one holds
    assert web.post(body, signature=f"{time},{other},{signature}").status == 200
