"""Judges a reader's own table by declared claims, with the rules that judge submissions.

Self-scored: nothing shows that the claims were declared before the scores were known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cohort_selection.cases import Case
from evaluator import shipped
from evaluator.case_tables.scoring_input import Reading, ScoringInput, ScoringInputError, read_tables
from evaluator.claims.comparators import read_comparator
from evaluator.claims.declaration import JOINT, ClaimsError
from evaluator.claims.declared_study import DeclaredStudy, read_study
from evaluator.claims.judging import judge_study
from evaluator.claims.sealed_study import sealed
from evaluator.claims.verdict import StudyVerdict
from evaluator.scoring.analysis_plan import DELONG_SYMMETRIC, AnalysisPlan
from metrics.claims.spending import level_of_look

FIRST = 1
"""A reader's own verdict is that of a first look."""


def read_claims(path: Path, plan: AnalysisPlan | None = None) -> DeclaredStudy:
    """The claims in a benchmark's file, or in one of [study], [[claims]] and [comparators] alone.

    Raises ClaimsError where it declares none.
    """
    path = shipped.resolved(path)
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ClaimsError(
            f"{path} cannot be read ({(error.strerror or '').lower()}); give the TOML file of a "
            f"benchmark, or one of [study] and [[claims]] alone"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimsError(f"{path.name} is not TOML: {error}; correct it") from error
    found = read_study(
        document.get("study"), document.get("claims"), document.get("comparators"), path
    )
    if found is None:
        raise ClaimsError(
            f"{path.name} declares no claim; add a [[claims]] table, or leave out --claims"
        )
    return found if plan is None else replace(found, intersections=plan.intersections)
