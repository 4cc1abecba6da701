"""What libpq makes of the names of databases, asked before anything is begun."""

from ingest.refusal import Refusal
from ingest.settings import Settings


class Unreadable(Refusal):
    """A variable names a database by what libpq has no word for: the message says which."""


def readable(settings: Settings) -> Settings:
    """The same settings, if libpq can read what they name. Raises Unreadable."""
    for name in ("database_url", "analyst_database_url"):
        if url := getattr(settings, name):
            from psycopg import ProgrammingError  # not in processes that need no Postgres
            from psycopg.conninfo import conninfo_to_dict

            try:
                conninfo_to_dict(url)
            except ProgrammingError as error:
                raise Unreadable(f"{name.upper()}: {str(error).strip()}") from None
    return settings
