"""Lets tables only grow: one trigger for each act that would change or remove a row."""

from __future__ import annotations

import re

from sqlalchemy import DDL, Connection, Table, event, text

ONLY_GROWS = "the ledger only grows"

ACTS = {"sqlite": ("UPDATE", "DELETE"), "postgresql": ("UPDATE", "DELETE", "TRUNCATE")}
"""What each database is told to refuse; SQLite has no TRUNCATE, and PostgreSQL runs no other
trigger on it."""

FUNCTION = (
    "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
    f"BEGIN RAISE EXCEPTION '{ONLY_GROWS}'; END $$"
)
"""What PostgreSQL's triggers call."""


def trigger_name(table: str, act: str) -> str:
    """The name of the trigger that refuses an act on a table."""
    return f"append_only_{table}_{act.lower()}"


def trigger(table: str, act: str, dialect: str) -> str:
    """The statement that makes a trigger."""
    name = trigger_name(table, act)
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{ONLY_GROWS}'); END"
        )
    return (
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
    )


def protect(table: Table) -> None:
    """Have a table's triggers made whenever the table is made."""
    for dialect, acts in ACTS.items():
        for act in acts:
            statement = DDL(trigger(table.name, act, dialect)).execute_if(dialect=dialect)
            event.listen(table, "after_create", statement)


_SQLITE = text("SELECT name, sql AS statement FROM sqlite_master WHERE type = 'trigger'")
_POSTGRESQL = text(
    "SELECT t.tgname AS name, t.tgenabled AS enabled, p.prosrc AS body, "
    "pg_get_triggerdef(t.oid) AS statement "
    "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE NOT t.tgisinternal AND n.nspname = current_schema() AND c.relname = ANY(:tables)"
)
"""The triggers of our tables: accounts may lie in the same database."""


def faults(connection: Connection, tables: tuple[str, ...]) -> list[str]:
    """How the triggers differ from the exact list that tables need; one sentence for each.

    A trigger that is missing, that does something else, that is switched off, or that nobody here
    made.
    """
    dialect = connection.dialect.name
    needed = {
        trigger_name(table, act): _plain(trigger(table, act, dialect))
        for table in tables
        for act in ACTS[dialect]
    }
    present = _present(connection, tables)
    problems = [f"trigger {name} is missing" for name in needed if name not in present]
    for name, statement in present.items():
        if name not in needed:
            problems.append(f"trigger {name} is not one of Sequestra's")
        elif statement != needed[name]:
            problems.append(f"trigger {name} is not as Sequestra makes it")
    return problems


def mend(connection: Connection, tables: tuple[str, ...]) -> None:
    """Make every trigger that is missing, and make those again that differ."""
    dialect = connection.dialect.name
    present = _present(connection, tables)
    if dialect == "postgresql":
        connection.execute(text(FUNCTION))
    for table in tables:
        for act in ACTS[dialect]:
            name, statement = trigger_name(table, act), trigger(table, act, dialect)
            if present.get(name) == _plain(statement):
                continue
            if name in present:
                where = "" if dialect == "sqlite" else f" ON {table}"
                connection.execute(text(f"DROP TRIGGER {name}{where}"))
            connection.execute(text(statement))


def _present(connection: Connection, tables: tuple[str, ...]) -> dict[str, str]:
    """Each trigger of the tables by name: the statement that made it, in plain form."""
    if connection.dialect.name == "sqlite":
        return {row.name: _plain(row.statement) for row in connection.execute(_SQLITE)}
    body = FUNCTION.partition("$$ ")[2].partition(" $$")[0]
    present = {}
    for row in connection.execute(_POSTGRESQL, {"tables": list(tables)}):
        as_made = row.enabled == "O" and row.body.strip() == body
        present[row.name] = _plain(row.statement) if as_made else "other"
    return present


def _plain(statement: str) -> str:
    """A statement without what a database adds to it: line breaks and the schema's name."""
    return re.sub(r" ON \w+\.", " ON ", " ".join(statement.split()))
