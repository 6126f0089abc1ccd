"""Plans the study of a benchmark's file or of an installed one, with a catalog or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType

from cohort_selection.case_table import CaseTable
from cohort_selection.catalog import catalog
from cohort_selection.eligibility.located import of_commons
from cohort_selection.matching.feasibility import Prospect
from cohort_selection.sequestration.split import split
from evaluator.assumptions import Assumed
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.case_tables.scoring_input import read_tables
from evaluator.claims.declaration import ClaimsError
from evaluator.planning.assumptions_of import Pilot, PlanningError
from evaluator.planning.errors import Levels, PartError, errors_at_goal
from evaluator.planning.printed import printed
from evaluator.planning.study_plan import (
    RUNS,
    Basis,
    StudyPlan,
    basis_of,
    plan,
    too_small,
)
from evaluator.screen import styled
from evaluator.steward.claimed import claimed
from evaluator.steward.foreseen import foreseen
from evaluator.steward.pool import hidden_cases
from evaluator.stores.installation import Installation
from metrics.discrimination.delong import placements

_FEWEST_OF_A_PILOT = 10


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, the study it is of, the errors at the goal, and why it may not be sealed."""

    plan: StudyPlan
    basis: Basis
    errors: tuple[PartError, ...] = ()
    notes: tuple[str, ...] = ()


def planned(
    benchmark: str,
    options: Assumed,
    *,
    home: Path,
    catalog_folder: Path | None = None,
    pilot: Path | None = None,
    runs: int = RUNS,
) -> Planned:
    """Plan the study of a file, or of a benchmark that is installed in ``home``.

    Raises PlanningError where a claim would be shown with a power below 0.5 by the cohort that the
    pool can give.
    """
    path = Path(benchmark)
    installation = None
    if path.suffix == ".toml" or path.is_file():
        of = read_benchmark(path)
    else:
        installation = Installation.existing(home)
        of = installation.benchmark(benchmark)
    read = None if pilot is None else read_pilot(pilot)
    pool = notes = None
    if catalog_folder is not None:
        pool, notes = _pool(of, installation, catalog_folder)
    standing = basis_of(of, options, pool=pool, pilot=read)
    for sentence in too_small(standing, runs):
        raise PlanningError(sentence)
    return _planned(standing, of.name, runs, notes or ())


def planned_draw(
    installation: Installation, benchmark: Benchmark, catalog_folder: Path
) -> RenderableType:
    """The plan of a study on what its next draw would reach, for `match --plan`.

    Empty without claims. A claim that would be shown with a power below 0.5 is told in a note, and
    what cannot be planned in a sentence.
    """
    if benchmark.study is None:
        return Group()
    try:
        study = _planned_draw(installation, benchmark, catalog_folder)
    except (PlanningError, ClaimsError) as problem:
        return styled(f"no plan of the study: {problem}")
    return printed(study.plan, study.basis.study, study.errors, study.notes)


def _planned_draw(
    installation: Installation, benchmark: Benchmark, catalog_folder: Path
) -> Planned:
    pool, notes = _pool(benchmark, installation, catalog_folder)
    standing = basis_of(benchmark, pool=pool)
    small = tuple(too_small(standing, RUNS))
    return _planned(standing, benchmark.name, RUNS, (*small, *notes))


def _planned(standing: Basis, name: str, runs: int, notes: tuple[str, ...]) -> Planned:
    cohort = standing.ground.cohort
    simulated = () if cohort is None else errors_at_goal(standing.study, cohort, standing.truths)
    study = plan(standing, name, runs=runs, used=Levels.of(simulated))
    return Planned(plan=study, basis=standing, errors=simulated, notes=notes)


def _pool(
    benchmark: Benchmark, installation: Installation | None, catalog_folder: Path
) -> tuple[tuple[Prospect, CaseTable], tuple[str, ...]]:
    """What a draw would reach, the cases it is drawn from, and notes on them."""
    settings = benchmark.cohort
    notes: tuple[str, ...] = ()
    if installation is not None:
        hidden = hidden_cases(installation, benchmark, catalog_folder)
        taken = claimed(installation, benchmark)
        notes, hidden = taken.said(hidden), taken.free(hidden)
        seed = installation.enclave().seed(settings.seed, "matching")
    else:
        commons = catalog.read(catalog_folder)
        cases = of_commons(commons, settings.criteria).cases
        parts = split(
            cases,
            variables=settings.stratify,
            sequestered_share=settings.sequestered_share,
            seed=settings.seed,
            assigned={},
            within=settings.within,
        )
        hidden = cases.of_patients(parts.sequestered)
        seed = settings.seed
        notes = ("one split by chance; the name of an installed benchmark has that of its home",)
    if not hidden:
        raise PlanningError(
            "no patient is sequestered, so the pool gives no cohort; raise sequestered_share, or "
            "give a larger catalog"
        )
    prospect = foreseen(benchmark, hidden, seed)
    if prospect.refusal:
        raise PlanningError(prospect.refusal)
    return (prospect, hidden), notes


def read_pilot(path: Path) -> Pilot:
    """Read scores and labels of cases of the open part from one table; raise PlanningError."""
    tables = read_tables(path, path, patient_column="")
    if len(tables) != 1:
        raise PlanningError(
            f"{path.name} has {len(tables)} labels, {', '.join(tables)}; a pilot has one: give one "
            "label column and one score column"
        )
    (read,) = tables.values()
    positives, negatives = read.scores[read.y], read.scores[~read.y]
    if min(positives.size, negatives.size) < _FEWEST_OF_A_PILOT:
        raise PlanningError(
            f"{path.name} has {positives.size} positives and {negatives.size} negatives; a pilot "
            f"needs {_FEWEST_OF_A_PILOT} of each: give more cases, or an expected value instead"
        )
    if positives.std() == 0.0 or negatives.std() == 0.0:
        raise PlanningError(
            f"{path.name} has one score for all cases of a class; a pilot needs scores that vary: "
            "give the scores of a model"
        )
    return Pilot(positives, negatives, placements(read.y, read.scores).auroc)
