"""Lets tables only grow: one trigger for each act that would change or remove a row."""

from __future__ import annotations

from sqlalchemy import DDL, Table, event, text

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


def expected(tables: tuple[str, ...], dialect: str) -> dict[str, str]:
    """Every trigger that tables need: its name and its table."""
    return {trigger_name(table, act): table for table in tables for act in ACTS[dialect]}


def protect(table: Table) -> None:
    """Have a table's triggers made whenever the table is made."""
    for dialect, acts in ACTS.items():
        for act in acts:
            made = DDL(trigger(table.name, act, dialect)).execute_if(dialect=dialect)
            event.listen(table, "after_create", made)


_SQLITE = text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
_POSTGRESQL = text(
    "SELECT t.tgname, c.relname, pg_get_triggerdef(t.oid), t.tgenabled, p.prosrc "
    "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE NOT t.tgisinternal AND n.nspname = current_schema()"
)
