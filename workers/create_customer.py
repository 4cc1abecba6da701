"""The customer of a user, made where there is none; its e-mail, name and metadata as the command says."""

from workers.customers import Customers
from workers.job_attempt import Attempt, Made


def perform(attempt: Attempt) -> Made:
    command = attempt.command
    customer = Customers(attempt).object_of(
        command["user_id"],
        email=command.get("email"),
        name=command.get("name"),
        metadata=command.get("metadata") or None,
    )
    shown = {name: customer.get(name) for name in ("id", "object", "email", "name")}
    return Made({**shown, "user_id": command["user_id"]})
