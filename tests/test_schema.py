"""The schema: applied again and again, it explains itself, and lets analysts read and nothing else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier

from projections.registry import registered
from workers.database import apply_schema, connect

ANALYST = "SET ROLE hooklog_analyst"
READABLE = """
SELECT relation.relname AS name, obj_description(relation.oid, 'pg_class') AS meaning
FROM pg_class AS relation
WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind IN ('r', 'p', 'v')
    AND has_table_privilege('hooklog_analyst', relation.oid, 'SELECT')
"""
COLUMNS = f"""
SELECT relation.relname || '.' || attribute.attname AS name,
    col_description(relation.oid, attribute.attnum) AS meaning
FROM ({READABLE}) AS readable
JOIN pg_class AS relation
    ON relation.relname = readable.name AND relation.relnamespace = current_schema()::regnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
"""
CALLABLE = """
SELECT routine.proname AS name, routine.proargnames AS arguments,
    routine.proargnames[:routine.pronargs - routine.pronargdefaults] AS needed,
    obj_description(routine.oid, 'pg_proc') AS meaning
FROM pg_proc AS routine
CROSS JOIN LATERAL aclexplode(routine.proacl) AS granted
WHERE routine.pronamespace = current_schema()::regnamespace
    AND granted.grantee = 'hooklog_analyst'::regrole AND granted.privilege_type = 'EXECUTE'
GROUP BY routine.oid
"""
CATALOGUE = """
SELECT 'column' AS kind, table_name AS relation, column_name AS name, data_type AS detail
FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL
SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL
SELECT 'function', proname, oid::regprocedure::text, obj_description(oid, 'pg_proc')
FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
UNION ALL
SELECT 'view', viewname, viewname, definition FROM pg_views WHERE schemaname = current_schema()
ORDER BY 1, 2, 3
"""


def test_it_can_be_applied_again(database):
    before = database.execute(CATALOGUE).fetchall()
    apply_schema(database)
    assert len(before) > 300
    assert before == database.execute(CATALOGUE).fetchall()


def test_it_can_be_applied_by_several_at_once(settings):
    def apply(_: int) -> None:
        with connect(settings.database_url) as connection:
            apply_schema(connection)

    with ThreadPoolExecutor(4) as pool:
        assert [None] * 8 == list(pool.map(apply, range(8)))


def test_analysts_read_every_projection(database):
    readable = {row["name"] for row in database.execute(READABLE)}
    assert {projection.table for projection in registered()} <= readable
    assert {"events", "payments", "stripe_objects", "all_refunds", "subscription_events"} <= readable


def test_analysts_need_nothing_that_everybody_may(database):
    """Views call functions with the rights of who reads them, and some servers take these from everybody."""
    readable = [row["name"] for row in database.execute(READABLE)]
    of_a_range = [row["name"] for row in database.execute(CALLABLE) if row["needed"] == ["since", "until"]]
    assert len(of_a_range) > 15
    database.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC")
    database.execute(ANALYST)
    for name in readable:
        database.execute(SQL("SELECT * FROM {}").format(Identifier(name)))
    for name in of_a_range:
        database.execute(SQL("SELECT * FROM {}('2026-01-01', '2026-02-01')").format(Identifier(name)))
    database.execute("SELECT * FROM payments_as_of('2026-01-01')")


def test_all_that_analysts_see_is_explained(database):
    described = database.execute(READABLE).fetchall() + database.execute(COLUMNS).fetchall()
    assert len(described) > 300
    assert [row["name"] for row in described if not row["meaning"]] == []


def test_every_function_says_what_it_takes_and_gives(database):
    functions = database.execute(CALLABLE).fetchall()
    assert {"period_starts", "default_livemode"} <= {row["name"] for row in functions}
    assert [row["name"] for row in functions if not row["meaning"]] == []
    silent = {
        f"{row['name']}({name})"
        for row in functions
        if "Its columns are those of" not in row["meaning"]
        for name in row["arguments"] or ()
        if f"\n{name}: " not in row["meaning"]
    }
    assert silent == set()


def test_analysts_see_the_views_without_what_lies_beneath(database):
    database.execute(ANALYST)
    assert database.execute("SELECT * FROM stripe_objects").fetchall() == []
    with pytest.raises(InsufficientPrivilege):
        database.execute("SELECT * FROM heads")


@pytest.mark.parametrize(
    "statement", ["DELETE FROM payment_intents", "TRUNCATE events", "CREATE TABLE own ()"]
)
def test_analysts_change_nothing(database, statement):
    database.execute(ANALYST)
    with pytest.raises(InsufficientPrivilege):
        database.execute(statement)


def test_nobody_else_puts_a_function_beside_those_of_the_schema(database):
    """Until PostgreSQL 14 everybody might, and what fits a call better is run with the owner's rights."""
    [schema] = database.execute("SELECT current_schema() AS name").fetchall()
    database.execute(SQL("GRANT CREATE ON SCHEMA {} TO PUBLIC").format(Identifier(schema["name"])))
    apply_schema(database)
    database.execute(ANALYST)
    with pytest.raises(InsufficientPrivilege):
        database.execute("CREATE FUNCTION own() RETURNS integer LANGUAGE sql RETURN 1")


def test_who_may_make_no_roles_is_told_so_and_has_the_tables_all_the_same(database):
    told: list[str | None] = []
    database.add_notice_handler(lambda notice: told.append(notice.message_primary))
    with database.transaction(force_rollback=True):
        database.execute("ALTER ROLE hooklog_analyst RENAME TO somebody_else")
        database.execute("CREATE ROLE tenant")
        database.execute("CREATE SCHEMA tenant AUTHORIZATION tenant")
        database.execute("SET LOCAL search_path TO tenant")
        database.execute("SET LOCAL ROLE tenant")
        apply_schema(database)
        assert database.execute("SELECT * FROM payments").fetchall() == []
    [notice] = [message for message in told if message and "hooklog_analyst" in message]
    assert notice.startswith("there is no read-only role for analysts: tenant may not make")
