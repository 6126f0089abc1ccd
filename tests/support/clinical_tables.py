"""Writes a clinical table and reads it."""

from __future__ import annotations

from pathlib import Path

from cohort_selection.clinical.records import ClinicalRecord, read


def table(folder: Path, text: str, name: str = "cases.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def only(*tables: Path) -> ClinicalRecord:
    records = read(*tables)
    assert len(records) == 1
    return records[0]
