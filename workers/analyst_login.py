"""The embedded server's log-in for analysts, set right at each start: it reads, and is in nobody's way.

Postgres lets everybody do more than read: make large objects, write messages into its WAL, and take the
advisory locks that a drain waits for. And a role may change what its sessions begin with, also for whoever
comes next.
"""

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from workers.analyst import ROLE, Connection
from workers.servers.home import Home

LOGIN = "hooklog_reader"
PASSWORD_FILE = "analyst-password"  # noqa: S105 - the file's name

AT_ONCE = 30
"""Connections, of the server's hundred: the drain's own must not be among those that are used up."""

SESSION = {
    "default_transaction_read_only": "on",
    "temp_file_limit": "8GB",  # a sort of everything must not fill the disk; the session cannot raise it
    "client_connection_check_interval": "10s",  # who was killed waits for no answer any more
}

_KEEP_OUT = """
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT routine.oid::regprocedure AS routine FROM pg_proc AS routine
        WHERE routine.pronamespace = 'pg_catalog'::regnamespace
            AND has_function_privilege('public', routine.oid, 'EXECUTE')
            AND routine.proname
                ~ '^(pg_(try_)?advisory_.*|pg_logical_emit_message|lo_creat|lo_create|lo_from_bytea)$'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', each.routine);
    END LOOP;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    FOR each IN
        SELECT datname FROM pg_database
        WHERE datname IN ('postgres', 'template1') AND has_database_privilege('public', oid, 'CONNECT')
    LOOP
        EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', each.datname);
    END LOOP;
END
$$
"""


def make_login(database_url: str, home: Home) -> str:
    """Make it, with a password that stays, whatever it was changed to; returns its URL."""
    password = home.secret(PASSWORD_FILE)
    with psycopg.connect(database_url) as connection:
        at = connection.info
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [LOGIN]).rowcount:
            connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(LOGIN)))
        for statement in _rights(connection, password):
            connection.execute(statement)
        return f"postgresql://{LOGIN}:{password}@{at.host}:{at.port}/{at.dbname}"


def _rights(connection: Connection, password: str) -> list[Composed]:
    login, role, database = map(Identifier, (LOGIN, ROLE, connection.info.dbname))
    # Only what the password is checked by: a statement that fails is logged as it stands.
    verifier = connection.pgconn.encrypt_password(password.encode(), LOGIN.encode(), b"scram-sha-256")
    return [
        SQL("ALTER ROLE {} PASSWORD {} CONNECTION LIMIT {}").format(
            login, Literal(verifier.decode()), Literal(AT_ONCE)
        ),
        SQL("ALTER ROLE {} RESET ALL").format(login),
        SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(login, database),
        *(
            SQL("ALTER ROLE {} SET {} = {}").format(login, Identifier(name), Literal(value))
            for name, value in SESSION.items()
        ),
        SQL("GRANT {} TO {}").format(role, login),
        Composed([SQL(_KEEP_OUT)]),
    ]
