from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.examples import TrainingDataError, read_examples, split_patients, subset
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open


def test_no_patient_is_on_both_sides_and_both_sides_have_both_classes() -> None:
    random = np.random.default_rng(2)
    patients = np.array([f"p{n}" for n in random.integers(0, 40, 90)])
    labels = random.random(90) < 0.3
    held_out = split_patients(labels, patients, 0.25, seed=4)
    assert not set(patients[held_out]) & set(patients[~held_out])
    for side in (held_out, ~held_out):
        assert 0 < labels[side].sum() < side.sum()
    assert len(set(patients[held_out])) == pytest.approx(0.25 * len(set(patients)), abs=1)


def test_the_split_follows_the_seed_alone() -> None:
    patients = np.array([f"p{n}" for n in range(40)])
    labels = np.arange(40) % 2 == 0
    first = split_patients(labels, patients, 0.3, seed=1)
    assert (split_patients(labels, patients, 0.3, seed=1) == first).all()
    assert (split_patients(labels, patients, 0.3, seed=2) != first).any()


def test_one_positive_patient_cannot_be_split() -> None:
    labels = np.array([True, True, False, False])
    with pytest.raises(TrainingDataError, match="1 patients with a positive case"):
        split_patients(labels, np.array(["a", "a", "b", "c"]), 0.5, seed=0)


def test_images_of_one_case_share_its_label_and_are_averaged(open_list: Path) -> None:
    examples = read_examples(read_open(open_list)[:6], 32)
    # Cases 1 and 4 have two images each.
    assert examples.case_of_image.tolist() == [0, 1, 1, 2, 3, 4, 4, 5]
    assert examples.labels.tolist() == [True, False, False, True, False, False]
    values = np.array([0.1, 0.2, 0.4, 0.3, 0.5, 0.0, 1.0, 0.7])
    np.testing.assert_allclose(examples.case_means(values), [0.1, 0.3, 0.3, 0.5, 0.5, 0.7])


def test_a_subset_keeps_cases_and_images_together(open_list: Path) -> None:
    examples = read_examples(read_open(open_list)[:6], 32)
    kept = subset(examples, np.array([False, True, False, False, True, True]))
    assert kept.case_of_image.tolist() == [0, 0, 1, 1, 2]
    np.testing.assert_array_equal(kept.images, examples.images[[1, 2, 5, 6, 7]])


def test_a_broken_file_is_left_out_and_listed(tmp_path: Path, open_list: Path) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_text("not DICOM")
    first = read_open(open_list)[0]
    cases = [first, Case("x", "y", (broken,), 0, {})]
    examples = read_examples(cases, 32)
    assert examples.unreadable == (broken,)
    assert len(examples.labels) == 1
    with pytest.raises(TrainingDataError, match="none of the 1 files"):
        read_examples(cases[1:], 32)
