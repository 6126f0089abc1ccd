"""Steps that bring a ledger of a former build up to date; each only adds tables and columns.

Alembic runs them in the caller's transaction. A step never has Alembic recreate a table: that
would drop its triggers without a word. A released step is never edited, a new one is added.
"""
