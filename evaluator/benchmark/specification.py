"""Reads a benchmark's file and hands each table to its owner."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.benchmark_keys.reading import no_such_key
from cohort_selection.cases import LABEL
from cohort_selection.clinical.age_bands import AGE_BANDS
from cohort_selection.clinical.columns import read_columns
from cohort_selection.plan.cohort_plan import (
    CohortPlan,
    read_bands,
    read_cohort_plan,
)
from cohort_selection.task.declaration import (
    BINARY,
    ONE_PROBABILITY,
    ORDINAL,
    PROBABILITY,
    SCORE,
    Task,
    read_task,
)
from evaluator import feedback_choice, shipped
from evaluator.benchmark.about import NAME, SpecificationError, read_about
from evaluator.benchmark.beside_claims import (
    refuse_unfit_groups,
    refuse_what_tells_too_much,
    study_of,
    with_looks,
)
from evaluator.benchmark.beside_names import (
    refuse_names_of_nothing,
    refuse_parts_alone,
    refuse_years,
)
from evaluator.benchmark.beside_task import at_the_label, of_task, refuse_what_no_task_has
from evaluator.benchmark.board import Freezes, read_board
from evaluator.benchmark.file import TABLES
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.disclosure.rule import Disclosure, read_disclosure
from evaluator.disclosure.suppression import JOINT
from evaluator.glossary import FIGURES, figure
from evaluator.readers.declaration import Panel, read_panels
from evaluator.scoring.analysis_plan import AnalysisPlan, read_plan
from metrics.group import FIXED_PREVALENCE, SAMPLED
from submissions.contract import Contract, read_contract
from submissions.period import Period
from submissions.practice import Practice, read_practice
from submissions.quota import Quota, read_quota

_OF_CLAIMS = ("study", "claims", "comparators")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One task: who is in the cohort, what a container may do, what is scored and shown."""

    name: str
    title: str
    description: str
    period: Period
    cohort: CohortPlan
    contract: Contract
    quota: Quota
    practice: Practice
    analysis: AnalysisPlan
    disclosure: Disclosure
    board: Freezes
    path: Path
    digest: str
    study: DeclaredStudy | None = None
    panels: Mapping[str, Panel] = field(default_factory=dict)
    task: Task = ONE_PROBABILITY

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that have targets of their own; none where the label says all."""
        return self.task.outputs if self.task.has_targets else ()

    @property
    def threshold(self) -> float | None:
        """The operating point of every submission, where the benchmark sets it.

        Of grades it is that of the label, else the first cut: the cuts are judged one by one.
        """
        if self.task.kind != ORDINAL:
            return self.analysis.threshold
        return at_the_label(self.task, self.cohort.label)

    @property
    def plan_digest(self) -> str:
        """SHA-256 over all that decides which figures are made of predictions."""
        if self.task == ONE_PROBABILITY:
            return self.analysis.digest
        text = f"{self.analysis.digest} {self.task!r}"
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_benchmark(path: Path, beside: Path | None = None, *, installed: bool = False) -> Benchmark:
    """Read a benchmark's TOML file; raise SpecificationError or the error of a table's owner.

    ``beside`` is where the tables lie that it names, if that is not the file's own folder. What
    they hold is part of the digest. ``installed``: what an earlier version took is not refused,
    since the file cannot change any more.
    """
    path = shipped.resolved(path)
    raw, document = _document(path)
    _known(document, path)
    tables = {name: _table(document, name, path) for name in TABLES if name not in _OF_CLAIMS}
    about = read_about(tables["benchmark"], path, installed=installed)
    name = about.name or path.stem
    if not NAME.fullmatch(name):
        raise SpecificationError(
            f"{path.name}: the name {name!r} must be lower-case letters, digits and hyphens"
        )
    read_columns(tables["clinical"], path)
    cohort = read_cohort_plan(tables["cohort"], path, beside, installed=installed)
    task = read_task(tables["task"], path)
    if task.has_targets or task.has_regions:
        cohort = replace(cohort, task=task)
    plan = of_task(read_plan(tables["analysis"], path), tables["analysis"], task)
    analysis = _by_design(plan, tables["analysis"], cohort, path)
    study = study_of(document, analysis, path)
    benchmark = Benchmark(
        name=name,
        title=name if about.title is None else about.title,
        description=about.description,
        period=Period(about.opens, about.closes),
        cohort=_of_figures(cohort, analysis),
        contract=read_contract(tables["contract"], path, task),
        quota=with_looks(read_quota(tables["quota"], path), study, path),
        practice=read_practice(tables["practice"], path),
        analysis=analysis,
        disclosure=read_disclosure(tables["disclosure"], path),
        board=read_board(tables["board"], path),
        path=path,
        digest=_digest(raw, cohort.target_files),
        study=study,
        panels=read_panels(tables["panels"], path),
        task=task,
    )
    if not installed:
        refuse_years(benchmark)
    _agree(benchmark)
    refuse_parts_alone(benchmark)
    if not installed:
        refuse_names_of_nothing(benchmark)
    return benchmark


def _by_design(
    plan: AnalysisPlan, table: Mapping[str, object], cohort: CohortPlan, path: Path
) -> AnalysisPlan:
    """Take the sampling design from how the cohort is drawn, where the file does not say it.

    A target that names the label's share sets the number of positives by design. One that ties an
    attribute to the label sets it within each level of the attribute too.
    """
    margins = cohort.drawn_target.margins
    fixed = any(LABEL in name.split(JOINT) for name in margins)
    if "sampling_design" not in table:
        plan = replace(plan, sampling_design=FIXED_PREVALENCE if fixed else SAMPLED)
    elif fixed != (plan.sampling_design == FIXED_PREVALENCE):
        how = "sets" if fixed else "does not set"
        raise SpecificationError(
            f"{path.name}: [analysis] sampling_design is {plan.sampling_design!r} and "
            f"[cohort.target] {how} the share of the label; leave sampling_design out"
        )
    tied = (
        JOINT.join(part for part in name.split(JOINT) if part != LABEL)
        for name in margins
        if LABEL in name.split(JOINT)
    )
    return replace(plan, fixed_attributes=tuple(sorted({name for name in tied if name})))


def _of_figures(cohort: CohortPlan, analysis: AnalysisPlan) -> CohortPlan:
    """Plan the minimum of a subgroup for the interval that its figures will have."""
    minimum = replace(cohort.minimum, confidence=analysis.confidence, interval=analysis.interval)
    return replace(cohort, minimum=minimum)


def read_clinical_columns(path: Path) -> dict[str, str]:
    """The [clinical] table of a benchmark's file: which columns foreign tables call what."""
    path = shipped.resolved(path)
    document = _known(_document(path)[1], path)
    return read_columns(_table(document, "clinical", path), path)


def read_name_alone(path: Path) -> str:
    """The name in a benchmark's file, as a server knows it; raise SpecificationError."""
    path = shipped.resolved(path)
    name = _table(_document(path)[1], "benchmark", path).get("name")
    if not isinstance(name, str) or not name:
        raise SpecificationError(f'{path.name}: [benchmark] has no name; add name = "..."')
    return name


def read_contract_alone(path: Path) -> Contract:
    """The [contract] table of a benchmark's file: all that a researcher's check needs of it."""
    path = shipped.resolved(path)
    document = _document(path)[1]
    task = read_task(_table(document, "task", path), path)
    return read_contract(_table(document, "contract", path), path, task)


def read_task_alone(path: Path) -> Task:
    """The [task] table of a benchmark's file."""
    path = shipped.resolved(path)
    return read_task(_table(_document(path)[1], "task", path), path)


def read_analysis(
    path: Path | None,
    *,
    subgroups: Sequence[str] | None,
    symmetric: bool,
    replicates: int | None,
    sampling_design: str | None = None,
) -> AnalysisPlan:
    """The [analysis] table of a benchmark's file, or the default, with what options change.

    A subgroup such as "race x sex" is an intersection, beside those of the file.
    """
    plan = AnalysisPlan()
    if path is not None:
        path = shipped.resolved(path)
        document = _known(_document(path)[1], path)
        table = _table(document, "analysis", path)
        task = read_task(_table(document, "task", path), path)
        plan = of_task(read_plan(table, path), table, task)
    named = [tuple(part.strip() for part in name.split(JOINT)) for name in subgroups or ()]
    single = tuple(dict.fromkeys(names[0] for names in named if len(names) == 1))
    crossed = (*plan.intersections, *(names for names in named if len(names) > 1))
    return replace(
        plan,
        subgroups=single if single else plan.subgroups,
        intersections=tuple(dict.fromkeys(crossed)),
        interval="symmetric" if symmetric else plan.interval,
        replicates=plan.replicates if replicates is None else replicates,
        sampling_design=plan.sampling_design if sampling_design is None else sampling_design,
    )


def read_age_bands(path: Path | None) -> tuple[int, ...]:
    """The age groups of a benchmark's file, or those that cohorts have where it does not say."""
    if path is None:
        return AGE_BANDS
    path = shipped.resolved(path)
    return read_bands(_table(_document(path)[1], "cohort", path), path)


def _digest(raw: bytes, files: Sequence[Path]) -> str:
    """SHA-256 of the file, and of what the tables hold that it names."""
    digest = hashlib.sha256(raw)
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _agree(benchmark: Benchmark) -> None:
    """Raise SpecificationError where the tables do not fit each other."""
    attributes = set(benchmark.cohort.criteria.attributes)
    intersected = {name for names in benchmark.analysis.intersections for name in names}
    for where, named in (
        ("[analysis] subgroups", set(benchmark.analysis.subgroups)),
        ("[analysis] intersections", intersected),
        ("[disclosure] nested", {name for pair in benchmark.disclosure.nested for name in pair}),
        ("[contract] visible", set(benchmark.contract.visible)),
    ):
        if missing := sorted(named - attributes):
            raise SpecificationError(
                f"{benchmark.path.name}: {where} has {', '.join(missing)}"
                f"{did_you_mean(missing[0], attributes)}; "
                f"[cohort] attributes keeps {', '.join(sorted(attributes)) or 'none'}: add it there"
            )
    standard = {benchmark.cohort.label.column, benchmark.task.column, *benchmark.task.findings}
    if revealed := sorted(standard & set(benchmark.contract.visible)):
        raise SpecificationError(
            f"{benchmark.path.name}: [contract] visible has {revealed[0]}, the reference standard; "
            f"a container may never see it"
        )
    refuse_what_no_task_has(benchmark)
    if len(benchmark.contract.outputs) != 1 and benchmark.task.kind == BINARY:
        raise SpecificationError(
            f"{benchmark.path.name}: [contract] outputs has {len(benchmark.contract.outputs)} "
            f"names; one is scored: give one"
        )
    threshold = benchmark.analysis.threshold
    form = benchmark.contract.form
    if threshold is not None and form == PROBABILITY and not 0.0 <= threshold <= 1.0:
        raise SpecificationError(
            f"{benchmark.path.name}: [analysis] threshold is {threshold:g}; containers give "
            f"probabilities: give one from 0 to 1"
        )
    if benchmark.study is not None:
        analysis, bands = benchmark.analysis, benchmark.cohort.criteria.age_bands
        refuse_what_tells_too_much(benchmark.disclosure, benchmark.board, benchmark.path)
        refuse_unfit_groups(benchmark.study, analysis, bands, benchmark.path)
    senseless = feedback_choice.refusal(
        benchmark.disclosure,
        primary=benchmark.analysis.primary,
        lifetime=benchmark.quota.lifetime,
        practice_cases=benchmark.practice.cases,
    )
    if senseless is not None:
        raise SpecificationError(f"{benchmark.path.name}: {senseless}")
    _refuse_no_better(benchmark)
    feedback = benchmark.disclosure.feedback
    if benchmark.board.declared and feedback != "open":
        raise SpecificationError(
            f"{benchmark.path.name}: [board] declares comparisons and [disclosure] feedback is "
            f"{feedback!r}, which tells of no submission beside another; leave freeze_on and "
            f'freeze_every out, or give feedback = "open"'
        )
    if benchmark.board.declared and benchmark.task.kind in (BINARY, SCORE):
        _refuse_unrankable(benchmark)


def _refuse_no_better(benchmark: Benchmark) -> None:
    """Raise SpecificationError where the board would be ordered by what is no better or worse."""
    primary = benchmark.analysis.primary
    if not figure(primary).better:
        known = [name for name, each in FIGURES.items() if each.better]
        raise SpecificationError(
            f"{benchmark.path.name}: [analysis] primary is {primary!r}"
            f"{did_you_mean(primary, known)}; give a "
            f"figure that is better the higher or the lower, such as auroc or brier"
        )


def _refuse_unrankable(benchmark: Benchmark) -> None:
    """Raise SpecificationError where submissions cannot be compared by the primary figure."""
    from metrics.comparison.rankable import rankable  # slow to import, and few files ask for it
    from metrics.estimate import UndefinedMetric

    try:
        rankable(benchmark.analysis.primary, 0.5)
    except UndefinedMetric as problem:
        raise SpecificationError(
            f"{benchmark.path.name}: [board] declares comparisons, but {problem}; or leave "
            f"freeze_on and freeze_every out"
        ) from problem


def _document(path: Path) -> tuple[bytes, dict[str, object]]:
    try:
        raw = path.read_bytes()
        return raw, tomllib.loads(raw.decode())
    except FileNotFoundError as error:
        ours = ", ".join(f"benchmarks/{name}" for name in shipped.benchmarks())
        raise SpecificationError(
            f"no benchmark file {path}; give the path of a .toml"
            + (f", or one that comes with Sequestra: {ours}" if ours else "")
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecificationError(f"{path.name} is not TOML: {error}; correct it") from error


def _known(document: dict[str, object], path: Path) -> dict[str, object]:
    """The document, where it has tables and all of them are a benchmark's."""
    for given in document:
        if given not in TABLES:
            raise SpecificationError(f"{path.name} {no_such_key(given, TABLES, 'table')}")
    if not document:
        raise SpecificationError(f"{path.name} has no table; give the TOML file of a benchmark")
    return document


def _table(document: dict[str, object], name: str, path: Path) -> dict[str, object]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise SpecificationError(f"{path.name}: [{name}] must be a table; found {table!r}")
    return table
