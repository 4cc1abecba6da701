"""The customer of a user: one per source and user, whoever asks first and however many ask at once.

It is made under a key of its own with constant parameters, so that Stripe makes one of any number of
requests within a day; after that it is remembered in Redis, and where Redis forgot, Search has it, which
lags by minutes and not by a day. E-mail and name follow by an update.
"""

from hashlib import blake2b
from typing import Any, cast

from workers.job_attempt import Attempt, given
from workers.ownership import refuse_anothers_customer
from workers.rate_limit import is_live
from workers.stripe_client import Object, plain
from workers.verbs import Reject, Retry, Verb

KEY_LENGTH = 200

FORGET = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return redis.call('HDEL', KEYS[1], ARGV[1])
"""
"""Keys: the users' customers, the last that each had before. Arguments: the user, his deleted customer."""


class Customers:
    """The customers of the users of one job's source."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._source = attempt.job.source
        mode = "live" if is_live(attempt.settings) else "test"
        self._known = f"{{{attempt.settings.log_prefix}:stripe}}:customers:{mode}:{self._source}"

    def id_of(self, user: str, email: str | None = None) -> str:
        """The id of the user's customer, made where there is none."""
        remembered = self._read(self._known, user)
        return remembered or str(self._make(user, email)["id"])

    def object_of(self, user: str, **facts: Any) -> Object:
        """The user's customer as Stripe has it now, with these facts (e-mail, name, metadata)."""
        customer_id = self.id_of(user)
        customer = self._existing(customer_id)
        if customer is None:
            self.forget(user, customer_id)
            customer = self._existing(self.id_of(user)) or self._make(user, None)
        wanted = given(**facts)
        return customer if _has(customer, wanted) else self._update(customer["id"], wanted)

    def forget(self, user: str, deleted: str) -> None:
        """The user's customer is deleted: another takes its place, under another key.

        Who learns so late leaves alone the one that already did.
        """
        forget = self._attempt.redis.register_script(FORGET)
        forget(keys=[self._known, f"{self._known}:deleted"], args=[user, deleted])

    def _make(self, user: str, email: str | None) -> Object:
        parameters: Any = {"metadata": {"source": self._source, "user_id": user}}
        customer = self._attempt.create(
            lambda options: self._attempt.v1.customers.create(parameters, options),
            look=lambda: self._find(user),
            name=self._key(user),
            look_first=True,
        )
        if email is not None:  # remembered afterwards: who is killed in between does both again
            customer = self._update(customer["id"], {"email": email})
        self._attempt.redis.hset(self._known, user, customer["id"])
        return customer

    def _update(self, customer_id: str, facts: Any) -> Object:
        customers = self._attempt.v1.customers
        return self._attempt.change(
            lambda options: customers.update(customer_id, facts, options),
            look=lambda: None,  # the same facts once more change nothing
            name=f"{self._attempt.job.id}:customer",
        )

    def _existing(self, customer_id: str) -> Object | None:
        found = plain(self._attempt.v1.customers.retrieve(customer_id))
        return None if found.get("deleted") else found

    def _find(self, user: str) -> Object | None:
        query = f"metadata['source']:'{_quoted(self._source)}' AND metadata['user_id']:'{_quoted(user)}'"
        deleted = self._read(f"{self._known}:deleted", user)
        found = (plain(each) for each in self._attempt.v1.customers.search({"query": query}).data)
        return next((each for each in found if each["id"] != deleted), None)

    def _key(self, user: str) -> str:
        deleted = self._read(f"{self._known}:deleted", user)
        name = ":".join(["customer", self._source, user, *([deleted] if deleted else [])])
        return name if len(name) <= KEY_LENGTH else f"customer:{blake2b(name.encode()).hexdigest()}"

    def _read(self, key: str, user: str) -> str | None:
        found = cast(bytes | None, self._attempt.redis.hget(key, user))
        return None if found is None else found.decode()


def customer_of(attempt: Attempt) -> str | None:
    """The customer that a command names, by its id or by its user; None where it names neither.

    Raises Reject where the customer is another source's.
    """
    command = attempt.command
    if customer_id := command.get("customer_id"):
        refuse_anothers_customer(attempt, customer_id)
        return str(customer_id)
    if not command.get("user_id"):
        return None
    email = command.get("email") or command.get("customer_email")
    attempt.customer = Customers(attempt).id_of(command["user_id"], email)
    return attempt.customer


def replaced(attempt: Attempt, refusal: Reject) -> Verb:
    """A retry for another customer, where the user's own was deleted at Stripe; else the refusal itself."""
    user, deleted = attempt.command.get("user_id"), attempt.customer
    missing = refusal.problem.get("code") == "resource_missing"
    if user is None or deleted is None or not missing or refusal.problem.get("param") != "customer":
        return refusal
    Customers(attempt).forget(user, deleted)
    attempt.keys.spend(attempt.keys.begin(attempt.job.id))  # it was used with the other customer
    return Retry(refusal.problem)


def _has(customer: Object, facts: Any) -> bool:
    own = customer.get("metadata") or {}
    others = all(customer.get(name) == value for name, value in facts.items() if name != "metadata")
    return others and all(own.get(name) == value for name, value in facts.get("metadata", {}).items())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
