"""What a client would like (RFC 7240): `Prefer: wait=N`, seconds to wait for the outcome."""

import re

from starlette.requests import Request

LONGEST_WAIT = 30

_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,6})"?\s*(?:;.*)?', re.IGNORECASE)


def wait_of(request: Request) -> int:
    """Seconds to wait, at most LONGEST_WAIT; 0 without the preference or where it cannot be understood."""
    for header in request.headers.getlist("prefer"):
        for preference in header.split(","):
            if found := _WAIT.fullmatch(preference.strip()):
                return min(int(found[1]), LONGEST_WAIT)
    return 0
