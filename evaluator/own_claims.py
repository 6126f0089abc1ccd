"""Judges a reader's own table by declared claims, with the rules that judge submissions.

Self-scored: nothing shows that the claims were declared before the scores were known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from evaluator import shipped
from evaluator.case_tables.scoring_input import Reading, ScoringInput, read_tables
from evaluator.claims.comparators import read_comparator
from evaluator.claims.declaration import JOINT, ClaimsError
from evaluator.claims.declared_study import DeclaredStudy, read_study
from evaluator.claims.judging import Asked, judge_study
from evaluator.claims.sealed_study import sealed
from evaluator.claims.verdict import StudyVerdict


@dataclass(frozen=True, slots=True)
class _Given:
    """The cases of a reader's tables as judging takes them; arrays are (cases,)."""

    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    patients: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.str_]]
    comparators: Mapping[str, NDArray[np.float64]]


def judge_tables(
    claims: Path,
    predictions: Path,
    truth: Path,
    *,
    threshold: float | None = None,
    symmetric: bool = False,
    **reading: Unpack[Reading],
) -> StudyVerdict:
    """The verdict on the claims of a file, from a table of scores and one of labels.

    ``threshold`` is what the claims call submitted; further keywords are those of ``read_tables``.
    The level is that of a first look. A comparator's table lies beside the file of claims, or is
    one of the two tables. Raises ClaimsError and ScoringInputError.
    """
    study = read_claims(claims)
    if symmetric:
        raise ClaimsError(
            "--symmetric is given beside --claims; the symmetric bound of an AUROC errs more often "
            "than is declared: leave one of the two out"
        )
    if reading.get("weight_column"):
        raise ClaimsError(
            "--weight-column is given beside --claims; claims are judged on the cases as they "
            "are: leave one of the two out"
        )
    _refuse_no_threshold(study, threshold, claims)
    named = {part for name in study.grouped_by for part in name.split(JOINT)}
    inputs = read_tables(predictions, truth, subgroups=tuple(sorted(named)), **reading)
    if len(inputs) > 1:
        raise ClaimsError(
            f"the tables have {len(inputs)} labels ({', '.join(sorted(inputs)[:5])} ...) and "
            f"claims are about one; name it with --label"
        )
    (scores,) = inputs.values()
    cases = _cases(scores)
    comparators = {
        name: read_comparator(
            name, declared, _folder(declared.file, claims, (predictions, truth))
        ).of(cases)
        for name, declared in study.comparators.items()
    }
    judged = judge_study(
        sealed(study, cases, comparators),
        _Given(
            labels=scores.y,
            scores=scores.scores,
            patients=np.array([case.patient_id for case in cases]),
            attributes=scores.attributes,
            comparators={
                name: np.array([answers[case.case_id] for case in cases])
                for name, answers in comparators.items()
            },
        ),
        Asked(threshold=0.5 if threshold is None else threshold, look=1),
    )
    return replace(judged, self_scored=True)


def _cases(scores: ScoringInput) -> list[Case]:
    """The rows as cases; each is a patient of its own where no column names patients."""
    patients = scores.case_id if scores.patient_id is None else scores.patient_id
    columns = {name: levels.tolist() for name, levels in scores.attributes.items()}
    return [
        Case(
            case_id=str(case),
            patient_id=str(patient),
            files=(),
            label=int(label),
            attributes={name: levels[place] for name, levels in columns.items()},
        )
        for place, (case, patient, label) in enumerate(
            zip(scores.case_id, patients, scores.y, strict=True)
        )
    ]


def _folder(file: str, claims: Path, tables: Sequence[Path]) -> Path:
    """Where a comparator's table lies: beside the claims, unless it is one of the two tables."""
    beside = shipped.resolved(claims).parent
    own = [table.parent for table in tables if table.name == file]
    return own[0] if own and not (beside / file).is_file() else beside


def _refuse_no_threshold(study: DeclaredStudy, threshold: float | None, path: Path) -> None:
    """Raise ClaimsError where a claim is at the submitted threshold and none is given."""
    if threshold is not None:
        return
    for claim, part in study.parts:
        if part.figure != "auroc" and not isinstance(part.threshold, float):
            raise ClaimsError(
                f"{path.name}: claim {claim.name!r} is about {part.figure} at the submitted "
                f"threshold; give yours with --threshold, or a number in the claim"
            )


def declares_claims(path: Path) -> bool:
    """Whether a benchmark's file declares claims; its other tables are not read."""
    return "claims" in _document(shipped.resolved(path))


def read_claims(path: Path) -> DeclaredStudy:
    """The claims in a benchmark's file, or in one of [study], [[claims]] and [comparators] alone.

    Raises ClaimsError where it declares none.
    """
    path = shipped.resolved(path)
    document = _document(path)
    study = read_study(
        document.get("study"), document.get("claims"), document.get("comparators"), path
    )
    if study is None:
        raise ClaimsError(
            f"{path.name} declares no claim; add a [[claims]] table, or leave out --claims"
        )
    return study


def _document(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ClaimsError(
            f"{path} cannot be read ({(error.strerror or '').lower()}); give the TOML file of a "
            f"benchmark, or one of [study] and [[claims]] alone"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimsError(f"{path.name} is not TOML: {error}; correct it") from error
