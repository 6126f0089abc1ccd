"""Finds the one stylesheet of boards, reports and the pages of a team."""

from __future__ import annotations

from pathlib import Path

STYLESHEET = Path(__file__).parent / "style.css"
