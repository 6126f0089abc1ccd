"""What a benchmark's claims and panels need of its cohort: tables, groups that are shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.matching import draw
from cohort_selection.matching.feasibility import Subgroup
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import sealed_study
from evaluator.claims.comparators import ComparatorTable, read_comparator
from evaluator.claims.declaration import ClaimsError
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.claims.sealed_study import STUDY, SealedStudy
from evaluator.readers.sealed_reads import check_panels, said_by_panels
from evaluator.steward.claimed import refuse_claimed
from evaluator.steward.foreseen import held_back
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import Installation


@dataclass(frozen=True, slots=True)
class ToSeal:
    """What is sealed with a cohort whose benchmark declares claims; empty where it does not."""

    study: SealedStudy | None = None
    comparators: Mapping[str, Mapping[str, float]] | None = None

    @property
    def report(self) -> dict[str, object]:
        """Its part of the sealed report."""
        return {} if self.study is None else {STUDY: sealed_study.as_mapping(self.study)}


def keep_comparators(enclave: Enclave, benchmark: Benchmark, folder: Path) -> None:
    """Copy the tables of the comparators from ``folder`` into the enclave until the seal.

    The tables of readers too. All are read before one is copied; raises ClaimsError or PanelError
    for one that cannot be read.
    """
    if enclave.is_sealed(benchmark.name):
        return
    read_comparators(benchmark.study, folder)
    check_panels(benchmark.panels, folder)
    destination = comparators_folder(enclave, benchmark.name)
    against = {} if benchmark.study is None else benchmark.study.comparators
    files = [each.file for each in against.values()]
    files += [each.file for each in benchmark.panels.values()]
    for file in dict.fromkeys(files):
        destination.mkdir(mode=0o700, exist_ok=True)
        write_bytes(destination / file, (folder / file).read_bytes())


def read_comparators(study: DeclaredStudy | None, folder: Path) -> tuple[ComparatorTable, ...]:
    """The tables of a study's comparators in ``folder``; raise ClaimsError for one that fails."""
    declared = {} if study is None else study.comparators
    return tuple(read_comparator(name, each, folder) for name, each in declared.items())


def comparators_folder(enclave: Enclave, name: str) -> Path:
    """Where the enclave keeps the tables of a benchmark's comparators."""
    return enclave.benchmark_folder(name) / "comparators"


def said_by_comparators(
    study: DeclaredStudy, folder: Path, cases: Sequence[Case]
) -> dict[str, dict[str, float]]:
    """Comparator -> case id -> score or call; raise ClaimsError where a case has none."""
    return {table.name: table.of(cases) for table in read_comparators(study, folder)}


def to_seal(
    installation: Installation,
    benchmark: Benchmark,
    cases: Sequence[Case],
    ending: Collection[str] = (),
) -> ToSeal:
    """Fix a study on the drawn cases; raise ClaimsError where they cannot bear it.

    Without claims too, raise StewardError where another benchmark has claims on a drawn patient;
    those that are ``ending`` with this seal have none.
    """
    refuse_claimed(installation, benchmark, cases, ending)
    folder = comparators_folder(installation.enclave(), benchmark.name)
    if benchmark.study is None:
        return ToSeal(None, said_by_panels(benchmark.panels, folder, cases) or None)
    return fixed(benchmark, benchmark.study, folder, cases)


def fixed(
    benchmark: Benchmark, declared: DeclaredStudy, folder: Path, cases: Sequence[Case]
) -> ToSeal:
    """A study on these cases, the comparators' tables lying in ``folder``; raise ClaimsError."""
    for problem in hidden_groups(declared, benchmark, cases):
        raise ClaimsError(problem)
    answers = said_by_comparators(declared, folder, cases)
    reads = said_by_panels(benchmark.panels, folder, cases)
    return ToSeal(sealed_study.sealed(declared, cases, answers), answers | reads or None)


def sealable(benchmark: Benchmark, declared: DeclaredStudy, pool: CaseTable) -> ToSeal:
    """A study on one cohort of the pool, drawn by chance and kept nowhere; raise ClaimsError.

    The tables of the comparators lie beside the benchmark's file.
    """
    plan = benchmark.cohort
    drawn = draw.match(
        pool,
        plan.drawn_target,
        plan.size,
        plan.seed,
        cases_per_patient=plan.cases_per_patient,
        tolerance=plan.tolerance,
        minimum=plan.minimum,
    )
    return fixed(benchmark, declared, benchmark.path.parent, drawn.cases)


def hidden_groups(
    study: DeclaredStudy, benchmark: Benchmark, cases: Sequence[Case]
) -> Iterator[str]:
    """A sentence for each claimed group of these cases that disclosure control would not show."""
    drawn = CaseTable.of(cases)
    positive, negative = (drawn.take(drawn.label == label) for label in (1, 0))
    groups = []
    for attribute in study.grouped_by:
        with_positive, with_negative = (x.patients_by(attribute) for x in (positive, negative))
        groups += [
            Subgroup(
                attribute=attribute,
                level=level,
                positives=float(with_positive.get(level, 0)),
                negatives=float(with_negative.get(level, 0)),
                half_width=None,
            )
            for level in drawn.variable(attribute).levels
        ]
    yield from of_hidden(study, drawn, held_back(groups, benchmark))


def of_hidden(study: DeclaredStudy, cases: CaseTable, groups: Sequence[Subgroup]) -> Iterator[str]:
    """A sentence for each claimed group of these cases that is among those held back."""
    columns = cases.combinations(study.single_attributes)
    hidden = {(each.attribute, each.level): each.held_back for each in groups if each.held_back}
    for claim in study.claims:
        for attribute, level in study.groups(claim, columns):
            if (attribute, level) in hidden:
                yield (
                    f"claim {claim.name!r} is about {attribute} {level!r}, which disclosure "
                    f"control does not show ({hidden[attribute, level]}); draw more of its "
                    f"patients, or claim about larger groups"
                )
