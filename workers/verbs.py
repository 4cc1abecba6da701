"""What happens next with a job that cannot be done now: the errors of the creators."""

from collections.abc import Mapping
from typing import Any

Problem = Mapping[str, Any]
"""RFC 9457, with Stripe's `code`, `decline_code`, `param` and `request_id` where it named them."""


class Verb(Exception):
    """`problem` says why, for who asks for the job."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem["detail"])
        self.problem = problem


class Retry(Verb):
    """Try again later, and not before `after` seconds, where Stripe named them.

    `spent` says that the idempotency key leads nowhere any more: Stripe gives its stored answer again, or
    has it for other parameters.
    """

    def __init__(self, problem: Problem, *, after: float = 0.0, spent: bool = False) -> None:
        super().__init__(problem)
        self.after = after
        self.spent = spent


class Reject(Verb):
    """Stripe or we refuse it, and would again: the job has failed."""


class Pause(Verb):
    """Stripe does not take our key: no job is to be tried until it does, and none is burnt.

    `reason` is Stripe's, for who runs the service: it may name the key's end, or an address.
    """

    def __init__(self, problem: Problem, reason: str) -> None:
        super().__init__(problem)
        self.reason = reason
