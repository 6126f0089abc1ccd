"""Retires a spent cohort and leads to a fresh one: the next draw, and the bridge between them.

The next draw is a benchmark of its own, by the same file under another name, since a sealed cohort
and its board never change. The earlier draw stays, with its board, and takes no more submissions.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.matching import next_draw
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.feedback.load_factor import patient_loads
from evaluator.steward import steward
from evaluator.steward.claimed import claimed
from evaluator.steward.pool import StewardError, hidden_cases
from evaluator.steward.steward import Accepted, Sealed
from evaluator.steward.study import comparators_folder, keep_comparators
from evaluator.stores.installation import Installation
from submissions.ledger.beside_releases import retirement
from submissions.ledger.beside_releases.retirement import NEXT_DRAW, RETIRED

_NOTHING = Accepted()
_DRAW = re.compile(r"(?P<root>.+)-draw-(?P<number>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The next draw of a benchmark: name, seal, and the patients shared with earlier ones."""

    name: str
    sealed: Sealed
    n_patients: int
    n_shared: int


def draw_next(
    installation: Installation,
    name: str,
    catalog_folder: Path,
    *,
    share: float | None = None,
    look: bool = True,
    accepted: Accepted = _NOTHING,
    progress: Callable[[str, int, int], None] | None = None,
) -> Drawn:
    """Retire the cohort of a benchmark, draw the next one from the pool and seal it.

    ``share`` is the most of the new cohort that earlier draws may have too; None takes the fewest
    that the pool allows. What was cut off is taken up again. Raises StewardError where the
    benchmark has a next draw already, MatchingError where the pool does not suffice.
    """
    benchmark, _ = installation.sealed(name)
    ledger, enclave = installation.ledger(), installation.enclave()
    successor_name = ledger.read(lambda connection: retirement.next_draw(connection, name))
    if successor_name is not None:
        raise StewardError(
            f"benchmark {name!r} has a next draw, {successor_name!r}; draw the next one of that"
        )
    is_new = next_name(name) not in installation.names()
    successor = _install(installation, benchmark)
    draws = {each: enclave.cohort(each) for each in lineage(installation, name)}
    reads = patient_loads(enclave, list(draws.values()))
    if enclave.is_sealed(successor.name) and ledger.is_recorded("seal", successor.name):
        sealed = steward.as_sealed(enclave.cohort(successor.name))
    else:
        if not enclave.is_sealed(successor.name):
            before = {
                each: {case_id for case_id, _ in cohort.sources().values()}
                for each, cohort in draws.items()
            }
            try:
                _match(installation, successor, catalog_folder, reads, before, share)
            except ValueError:  # nothing is drawn, so nothing stays installed
                if is_new:
                    shutil.rmtree(comparators_folder(enclave, successor.name), ignore_errors=True)
                    installation.take_away(successor)
                raise
        sealed = steward.seal_cohort(
            installation,
            successor,
            catalog_folder,
            look=look,
            accepted=accepted,
            ending=draws,
            progress=progress,
        )
    patients = sealed.cohort.patients()
    n_shared = len(patients & reads.keys())
    if not ledger.is_recorded(RETIRED, name):
        ledger.record(RETIRED, name, "the steward has drawn the next one")
    overlap = f"{n_shared} of {len(patients)} patients were drawn before"
    ledger.record(NEXT_DRAW, name, f"{successor.name}; {overlap}")
    return Drawn(name=successor.name, sealed=sealed, n_patients=len(patients), n_shared=n_shared)


def _match(
    installation: Installation,
    successor: Benchmark,
    catalog_folder: Path,
    reads: Mapping[str, int],
    before: Mapping[str, Collection[str]],
    share: float | None,
) -> None:
    """Draw the successor's cohort and keep its list; ``before`` has the cases of earlier draws."""
    plan = successor.cohort
    pool = hidden_cases(installation, successor, catalog_folder)
    barred = claimed(installation, successor, before)
    drawn = next_draw.draw_next(
        barred.free(pool),
        reads,
        plan.drawn_target,
        plan.size,
        installation.enclave().seed(plan.seed, f"matching {successor.name}"),
        share=share,
        cases_per_patient=plan.cases_per_patient,
        tolerance=plan.tolerance,
        minimum=plan.minimum,
    )
    for name, earlier in before.items():
        problem = too_near(drawn.matched.cases, pool, earlier, successor.disclosure.minimum_cell)
        if problem:
            raise StewardError(
                f"the next draw and {name!r} would differ by {problem}, and their figures by these "
                f"alone, so that a team which has seen one could be shown nothing of the other; "
                f"add patients to the pool, or make the cohort smaller"
            )
    matched = replace(drawn.matched, notes=(*drawn.matched.notes, *barred.said(pool)))
    steward.keep_match(installation, successor, pool, matched)


def too_near(
    drawn: Sequence[Case], pool: Sequence[Case], earlier: Collection[str], minimum: int
) -> str:
    """By how few cases of a class two cohorts differ, in words; empty where by none or enough.

    ``earlier`` has the case ids of the other cohort. Cases that left the pool since count for none.
    """
    cases, whole = CaseTable.of(drawn), CaseTable.of(pool)
    others = pa.array(sorted(earlier), cases.case_id.type)
    in_drawn, in_pool = (pc.is_in(table.case_id, value_set=others) for table in (cases, whole))
    left = pc.and_not(in_pool, pc.is_in(whole.case_id, value_set=cases.case_id))
    sides = [
        table.label[np.asarray(which.to_numpy(zero_copy_only=False), np.bool_)]
        for table, which in ((cases, pc.invert(in_drawn)), (whole, left))
    ]
    for side in sides:
        n_positive = int(side.sum())
        for number, kind in ((n_positive, "positive"), (len(side) - n_positive, "negative")):
            if 0 < number < minimum:
                return f"{number} {kind} case{'s' * (number > 1)}, fewer than {minimum}"
    return ""


def lineage(installation: Installation, name: str) -> list[str]:
    """The draws before this one and itself, by the names of their benchmarks, oldest first."""
    ledger = installation.ledger()
    before = {
        entry.content.partition(";")[0]: entry.subject
        for entry in ledger.chain.entries(event=NEXT_DRAW)
    }
    names = [name]
    while names[0] in before:
        names.insert(0, before[names[0]])
    return names


def _install(installation: Installation, benchmark: Benchmark) -> Benchmark:
    """Install the same file under the next name; one that is installed stays as it is."""
    name = next_name(benchmark.name)
    if name in installation.names():
        return installation.benchmark(name)
    text = renamed(benchmark.path.read_text(encoding="utf-8"), name, benchmark.title)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        tables = benchmark.path.with_suffix("")
        enclave, successor = installation.enclave(), read_benchmark(file, tables, installed=True)
        keep_comparators(enclave, successor, comparators_folder(enclave, benchmark.name))
        installation.install(successor)
    return installation.benchmark(name)


def next_name(name: str) -> str:
    """The name of the next draw: chest-draw-2 after chest, chest-draw-3 after that."""
    match = _DRAW.fullmatch(name)
    if match is None:
        return f"{name}-draw-2"
    return f"{match['root']}-draw-{int(match['number']) + 1}"


def renamed(text: str, name: str, title: str) -> str:
    """A benchmark's file with another name and title; all else stays as it is, comments too.

    Raises StewardError where the file is written so that this cannot be done line by line.
    """
    expected = tomllib.loads(text)
    table = expected.setdefault("benchmark", {})
    number = name.rpartition("-")[2]
    plain = re.sub(r", draw [0-9]+$", "", title)
    table["name"], table["title"] = name, f"{plain}, draw {number}"
    lines, inside, replaced = [], False, False
    for line in text.splitlines():
        header = re.match(r"\s*\[", line)
        if header:
            inside = re.match(r"\s*\[\s*benchmark\s*\]", line) is not None
        if inside and re.match(r"\s*(name|title)\s*=", line):
            continue
        lines.append(line)
        if header and inside:
            replaced = True
            lines += [f"{key} = {json.dumps(table[key])}" for key in ("name", "title")]
    if not replaced:
        lines += ["", "[benchmark]"]
        lines += [f"{key} = {json.dumps(table[key])}" for key in ("name", "title")]
    written = "\n".join(lines) + "\n"
    try:
        same = tomllib.loads(written) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise StewardError(
            "the benchmark's file has its name or title in more than one line; write each in one "
            'line of the table [benchmark], as name = "chest"'
        )
    return written
