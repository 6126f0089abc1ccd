"""What the other tables of a benchmark of grades or scores may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.offered import offered
from evaluator.benchmark.specification import Benchmark, read_benchmark
from tests.support.repository import REPOSITORY

SEVERITY = (REPOSITORY / "benchmarks" / "simulated-severity.toml").read_text()


def read(folder: Path, *changes: tuple[str, str]) -> Benchmark:
    text = SEVERITY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "severity.toml"
    path.write_text(text)
    return read_benchmark(path)


def test_grades_are_called_at_the_label_and_ranked_by_kappa(tmp_path: Path) -> None:
    found = read(tmp_path, ('primary = "quadratic_weighted_kappa"\n', ""))
    assert found.analysis.primary == "quadratic_weighted_kappa"
    assert found.threshold == 5.0
    assert offered(found).threshold == 5.0  # a team declares none
    assert found.contract.outputs == ("grade",)
    elsewhere = read(tmp_path, ('{ column = "severity_grade", at_least = 5 }', '"opacity"'))
    assert elsewhere.threshold == 2.0  # the first cut, where the label is no grade


def test_scores_are_called_where_the_benchmark_or_the_team_says(tmp_path: Path) -> None:
    task = SEVERITY[SEVERITY.index("[task]") : SEVERITY.index("[cohort]")]
    scores = (task, '[task]\nkind = "score"\n\n')
    primary = ('primary = "quadratic_weighted_kappa"\n', "")
    found = read(tmp_path, scores, primary)
    assert (found.analysis.primary, found.threshold) == ("auroc", None)
    declared = read(tmp_path, scores, primary, ("[analysis]\n", "[analysis]\nthreshold = -3.5\n"))
    assert declared.threshold == -3.5
    assert declared.contract.outputs == ("score",)


def test_scores_have_no_figure_of_probabilities(tmp_path: Path) -> None:
    task = SEVERITY[SEVERITY.index("[task]") : SEVERITY.index("[cohort]")]
    with pytest.raises(SpecificationError, match="'brier', a figure of probabilities"):
        read(
            tmp_path,
            (task, '[task]\nkind = "score"\n\n'),
            ('"quadratic_weighted_kappa"', '"brier"'),
        )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[analysis]\n", "[analysis]\nthreshold = 3\n", r"give cuts = \[3\] in \[task\]"),
        (
            "[analysis]\n",
            '[analysis]\nprimary_gap = "sensitivity by sex"\n',
            "sensitivity by sex .* tested in mean_absolute_error, mean_difference; declare one",
        ),
        ("cuts = [2, 5]", "cuts = [5, 2]", "cuts are"),
        ('"quadratic_weighted_kappa"', '"auroc"', "such as quadratic_weighted_kappa, "),
        ("highest = 8", "highest = 0", "give the ends of the scale, the lowest first"),
        ("[contract]\n", '[contract]\noutputs = ["probability"]\n', "leave .* outputs out"),
    ],
)
def test_what_does_not_fit_grades_is_refused_in_one_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises((SpecificationError, ValueError), match=said):
        read(tmp_path, (old, new))


@pytest.mark.parametrize(
    ("name", "primary", "such"),
    [
        ("opacity", "mean_dice", "auroc"),
        ("findings", "auroc", "macro_auroc, macro_average_precision"),
        ("type", "macro_average_precision", "hand_till_auroc"),
        ("regions", "auroc", "mean_dice"),
        ("marks", "mean_dice", "wafroc"),
    ],
)
def test_a_board_is_ordered_by_a_figure_of_its_kind(
    name: str, primary: str, such: str, tmp_path: Path
) -> None:
    shipped = (REPOSITORY / "benchmarks" / f"simulated-{name}.toml").read_text()
    path = tmp_path / f"{name}.toml"
    before, _, after = shipped.partition("primary = ")
    path.write_text(f'{before}primary = "{primary}"\n{after.partition(chr(10))[2]}')
    said = f"'{primary}' .* give a figure .*, such as {such}"
    with pytest.raises(SpecificationError, match=said):
        read_benchmark(path)


def changed(name: str, folder: Path, primary: str, tables: str = "") -> Path:
    """A benchmark that comes with Sequestra, with another primary figure and more in [analysis]."""
    shipped = (REPOSITORY / "benchmarks" / f"simulated-{name}.toml").read_text()
    before, _, after = shipped.partition("primary = ")
    lines = after.splitlines(keepends=True)[1:]
    kept = "".join(line for line in lines if not line.startswith(("primary_gap", "gaps =")))
    path = folder / f"{name}.toml"
    path.write_text(f'{before}primary = "{primary}"\n{tables}{kept}')
    return path


BOARD = "\n[board]\nfreeze_every = 5\n"


@pytest.mark.parametrize(
    ("name", "primary"),
    [
        ("severity", "kendall_tau_b"),
        ("findings", "macro_average_precision"),
        ("type", "cohen_kappa"),
        ("regions", "mean_hd95"),
        ("marks", "wafroc"),
    ],
)
def test_every_kind_may_declare_comparisons(name: str, primary: str, tmp_path: Path) -> None:
    path = changed(name, tmp_path, primary)
    path.write_text(path.read_text() + BOARD)
    assert read_benchmark(path).board.freeze_every == 5


@pytest.mark.parametrize(
    ("name", "primary", "other"),
    [
        ("marks", "froc_score", "wafroc"),
        ("marks", "sensitivity_at_false_marks_1", "wafroc"),
        ("type", "top_label_calibration_error", "hand_till_auroc"),
    ],
)
def test_a_figure_that_no_case_moves_smoothly_is_not_compared(
    name: str, primary: str, other: str, tmp_path: Path
) -> None:
    path = changed(name, tmp_path, primary)
    path.write_text(path.read_text() + BOARD)
    with pytest.raises(SpecificationError, match=f"give primary = '{other}', or leave freeze_on"):
        read_benchmark(path)


@pytest.mark.parametrize(
    ("name", "primary", "gap"),
    [
        ("severity", "mean_absolute_error", "mean_difference by sex"),
        ("regions", "mean_dice", "missed_masks by sex"),
        ("findings", "macro_auroc", "auroc by sex"),
    ],
)
def test_gaps_that_are_tested_may_be_declared(
    name: str, primary: str, gap: str, tmp_path: Path
) -> None:
    path = changed(name, tmp_path, primary, f'primary_gap = "{gap}"\n')
    assert " by ".join(read_benchmark(path).analysis.declared_gaps[0]) == gap


@pytest.mark.parametrize(
    ("name", "primary", "gap", "said"),
    [
        ("opacity", "auroc", "mean_dice by sex", "tested in auroc, sensitivity, .*; declare one"),
        ("regions", "mean_dice", "auroc by sex", "tested in mean_dice, .*false_masks; declare one"),
        ("marks", "wafroc", "auroc by sex", "of a localisation task are described with intervals"),
    ],
)
def test_a_gap_of_another_kind_is_refused(
    name: str, primary: str, gap: str, said: str, tmp_path: Path
) -> None:
    path = changed(name, tmp_path, primary, f'primary_gap = "{gap}"\n')
    with pytest.raises(SpecificationError, match=said):
        read_benchmark(path)
