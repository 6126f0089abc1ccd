"""Headers that give the label away are named; honest ones are within chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cohort_selection.cases import Case
from cohort_selection.deidentification.copy import KEPT
from cohort_selection.leakage.shortcuts import (
    HEADERS,
    PIXELS,
    ShortcutError,
    audit,
    audit_fields,
    refuse_alarms,
)
from tests.support.small_commons import radiograph


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


def test_everything_that_a_sealed_image_keeps_is_audited() -> None:
    assert set(KEPT) - PIXELS < set(HEADERS)
    assert len(HEADERS) == len(set(HEADERS))
    assert "VOILUTSequence" in HEADERS  # MIDRC's digital radiographs have one, computed ones none


@pytest.mark.parametrize("leak", ["ModalityLUTSequence", "SliceLocation", "BitsStored"])
def test_a_leak_in_the_last_file_of_a_case_is_found(tmp_path: Path, leak: str) -> None:
    """Positives alone have a lookup table, a place or a depth of 15 bits, in one file of three."""
    cases = []
    for i in range(24):
        files = tuple(radiograph(tmp_path / f"{i}-{k}.dcm", 0, 3 * i + k) for k in range(3))
        if i % 2:
            image = pydicom.dcmread(files[-1])
            if leak == "ModalityLUTSequence":
                table = Dataset()
                table.LUTDescriptor, table.LUTData = [4, 0, 8], [0, 1, 2, 3]
                table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
                image.ModalityLUTSequence = Sequence([table])
            else:
                setattr(image, leak, 15)
            image.save_as(files[-1])
        cases.append(Case(f"c{i}", f"p{i}", files, i % 2, {}))
    found = audit(cases)
    assert leak in {shortcut.field for shortcut in found if shortcut.alarming}
    with pytest.raises(ShortcutError, match=rf"^headers alone predict the label.*{leak}"):
        refuse_alarms(found)


def test_small_innocent_cohorts_are_seldom_refused() -> None:
    """Stated: one in a hundred, over all rows together."""
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(40):
        fields = {f"f{k}": [str(v) for v in rng.integers(0, 2 + k % 4, 30)] for k in range(12)}
        found = audit_fields(fields, [0, 1] * 15, [f"p{i}" for i in range(30)])
        refused += any(shortcut.alarming for shortcut in found)
    assert refused <= 2  # of 40 at 1 %, more than two come once in 130 times


def test_a_declared_attribute_is_not_called_a_header() -> None:
    """Disease that comes with age is medicine: the steward is told so, and no header is blamed."""
    rng = np.random.default_rng(4)
    y = [0, 1] * 150
    fields = {
        "Rows": [str(v) for v in rng.integers(0, 4, 300)],
        "attribute age": [
            "80" if rng.random() < (0.85 if label else 0.15) else "20" for label in y
        ],
    }
    found = audit_fields(fields, y, [f"p{i}" for i in range(300)])
    assert [shortcut.field for shortcut in found if shortcut.alarming] == ["attribute age"]
    assert (found[-1].field, found[-1].telling) == ("all fields", "led by Rows")
    with pytest.raises(
        ShortcutError, match=r"^declared attributes alone predict the label"
    ) as told:
        refuse_alarms(found)
    assert "headers" not in str(told.value)
