"""What stands on both sides of the wall is found, and told without naming a patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.leakage.duplicates import LeakError, WallCheck, check, patients_on_both_sides
from tests.support.small_commons import case


def test_a_patient_on_both_sides_is_found_and_not_named(tmp_path: Path) -> None:
    opened = [case("a", "Jane", tmp_path, 1), case("b", "Ann", tmp_path, 2)]
    hidden = [case("c", "Jane", tmp_path, 3)]
    assert patients_on_both_sides(opened, hidden) == ["Jane"]
    with pytest.raises(
        LeakError, match=r"^1 patients are in the open part and in the cohort"
    ) as told:
        check(opened, hidden)
    assert "Jane" not in str(told.value)


def test_the_same_pixels_under_two_patients_are_found(tmp_path: Path) -> None:
    """The two files differ in every UID and header; only the picture is the same."""
    opened = [case("a", "p1", tmp_path, 1), case("b", "p2", tmp_path, 2)]
    hidden = [case("c", "p3", tmp_path, 2), case("d", "p4", tmp_path, 4)]
    for look in (False, True):
        with pytest.raises(LeakError, match=r"^1 images .* \(b\.dcm has the pixels of c\.dcm\)"):
            check(opened, hidden, look=look)


def test_a_clean_wall_passes(tmp_path: Path) -> None:
    found = check([case("a", "p1", tmp_path, 1)], [case("b", "p2", tmp_path, 2)], look=False)
    assert found == WallCheck(open_files=1, sealed_files=1, looked=False)
