"""Databases of both kinds, for the web process."""

from __future__ import annotations

from tests.support.postgresql import cluster, database

__all__ = ["cluster", "database"]
