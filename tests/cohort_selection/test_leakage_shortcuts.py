"""Headers that give the label away are named; honest ones are within chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from cohort_selection.cohort import Case
from cohort_selection.shortcuts import audit, audit_fields
from tests.cohort_selection.test_cohort import radiograph


def test_midrcs_published_leak_would_be_shouted_at() -> None:
    """Its positives all have BitsStored 15; 829 cases, 129 positive, as published."""
    y = [1] * 129 + [0] * 700
    fields = {
        "BitsStored": ["15"] * 129 + ["8"] * 650 + ["12"] * 50,
        "Rows": [str(2000 + i % 3) for i in range(829)],
    }
    found = audit_fields(fields, y, [f"p{i}" for i in range(829)])
    assert found[0].field == "BitsStored"
    assert found[0].auroc == pytest.approx(1.0)
    assert found[0].telling == "15: 129 of 129 positive"
    assert found[0].alarming
    assert not next(s for s in found if s.field == "Rows").alarming
    assert found[-1].field == "all fields"
    assert found[-1].alarming


def test_fields_that_say_nothing_are_within_chance() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(600) < 0.3).astype(int).tolist()
    fields = {f"f{k}": [str(v) for v in rng.integers(0, 6, 600)] for k in range(4)}
    found = audit_fields(fields, y, [f"p{i}" for i in range(600)])
    assert not any(shortcut.alarming for shortcut in found)
    assert all(shortcut.auroc < 0.6 for shortcut in found)


def test_a_patient_learnt_by_heart_is_not_a_shortcut() -> None:
    """A serial number a patient: knowing it from one of its cases must not count."""
    rng = np.random.default_rng(2)
    label = rng.integers(0, 2, 100)
    patients = [f"p{i // 4}" for i in range(100)]
    y = [int(label[i // 4]) for i in range(100)]
    found = audit_fields({"serial": patients}, y, patients)
    assert found[0].auroc == pytest.approx(0.5, abs=0.15)


def test_real_headers_are_read_from_files(tmp_path: Path) -> None:
    cases = []
    for i in range(12):
        path = radiograph(tmp_path / f"{i}.dcm", i % 2, i)
        if i % 2:
            image = pydicom.dcmread(path)
            image.ViewPosition = "AP"
            image.save_as(path)
        cases.append(Case(f"c{i}", f"p{i}", (path,), i % 2, {"site": "A"}))
    found = audit(cases, attributes=["site"])
    assert found[0].field == "ViewPosition"
    assert found[0].auroc > 0.9
    with pytest.raises(ValueError, match="needs 2 patients of each class; label 1 has 0"):
        audit(cases[::2])
