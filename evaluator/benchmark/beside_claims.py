"""What the other tables of a benchmark must say where it declares claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.clinical.age_bands import age_group
from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.board import Freezes
from evaluator.claims.declared_study import DeclaredStudy, read_study
from evaluator.disclosure.rule import Disclosure
from evaluator.disclosure.suppression import JOINT
from evaluator.scoring.analysis_plan import AnalysisPlan
from submissions.quota import Quota

AGE_GROUP = "age_group"


def study_of(
    document: Mapping[str, object], analysis: AnalysisPlan, path: Path
) -> DeclaredStudy | None:
    """The study that the file at ``path`` declares; raise ClaimsError. None where it has none."""
    study = read_study(
        document.get("study"), document.get("claims"), document.get("comparators"), path
    )
    return None if study is None else replace(study, intersections=analysis.intersections)


def with_looks(quota: Quota, study: DeclaredStudy | None, path: Path) -> Quota:
    """The quota of a team: for its life it has the looks that its study has alpha for.

    Raises SpecificationError where the file says another number, or caps no use of the cases.
    """
    if study is None:
        return quota
    if quota.lifetime not in (None, study.looks):
        raise SpecificationError(
            f"{path.name}: [quota] lifetime is {quota.lifetime} and [study] looks is "
            f"{study.looks}; a team has alpha for its looks alone: leave lifetime out"
        )
    if not quota.caps_uses:
        raise SpecificationError(
            f"{path.name}: [[claims]] are declared and no use of the cases is capped; give "
            f"[quota] cohort_looks, the looks of all teams together, or load_factor"
        )
    return replace(quota, lifetime=study.looks)


def refuse_what_tells_too_much(disclosure: Disclosure, board: Freezes, path: Path) -> None:
    """Raise SpecificationError where a team would be told more than whether a claim is met."""
    if board.declared:
        raise SpecificationError(
            f"{path.name}: [board] declares comparisons beside [[claims]], and a comparison tells "
            f"a team more than met or not shown; leave freeze_on and freeze_every out"
        )
    if disclosure.feedback != "held":
        raise SpecificationError(
            f"{path.name}: [disclosure] feedback is {disclosure.feedback!r} beside [[claims]], and "
            f"figures that are told between looks break the study's alpha; give "
            f'feedback = "held"'
        )


def refuse_unfit_groups(
    study: DeclaredStudy, analysis: AnalysisPlan, bands: Sequence[int], path: Path
) -> None:
    """Raise SpecificationError where figures or groups are not those of the claims.

    ``bands`` are the lower ends of the age groups that the file makes.
    """
    if analysis.interval == "symmetric":
        raise SpecificationError(
            f"{path.name}: [analysis] interval is 'symmetric' beside [[claims]]; its bound is "
            f"wrong in 3 to 21 % of cohorts where 2.5 % are declared: leave interval out"
        )
    for problem in _missing_groups(study, analysis):
        raise SpecificationError(f"{path.name}: {problem}")
    groups = [age_group(years, bands) for years in (bands[0] - 1, *bands) if years >= 0]
    for claim in study.claims:
        for name, level in claim.within:
            if name == AGE_GROUP and level not in groups:
                raise SpecificationError(
                    f"{path.name}: claim {claim.name!r} is within the age group {level!r}"
                    f"{did_you_mean(level, groups)}; [cohort] age_bands make {', '.join(groups)}: "
                    f"give one of these"
                )


def _missing_groups(study: DeclaredStudy, analysis: AnalysisPlan) -> Iterator[str]:
    crossed = {frozenset(names) for names in analysis.intersections}
    for claim in study.claims:
        names = claim.attributes
        if not names:
            continue
        subject = f"claim {claim.name!r} is about groups by {JOINT.join(names)}"
        if len(set(names)) < len(names):
            yield f"{subject}, which names an attribute twice; name each once"
        if len(names) == 1 and names[0] not in analysis.subgroups:
            yield (
                f"{subject}{did_you_mean(names[0], analysis.subgroups)}, and [analysis] subgroups "
                f"has {_listed(analysis.subgroups)}; add it there, so that disclosure control "
                f"counts its cases"
            )
        if len(names) > 1 and frozenset(names) not in crossed:
            alike = [JOINT.join(each) for each in analysis.intersections]
            yield (
                f"{subject}{did_you_mean(JOINT.join(names), alike)}, and [analysis] intersections "
                f"has {_listed(alike)}; add "
                f"[{', '.join(f'{name!r}' for name in names)}] there, so that disclosure control "
                f"counts its cases"
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
