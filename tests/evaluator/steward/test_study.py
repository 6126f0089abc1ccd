"""Claims on a real commons: what the check says, what is drawn, what is sealed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cohort_selection.catalog import catalog
from cohort_selection.clinical import records
from cohort_selection.commons.simulation import simulate
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.claims import addendum, sealed_study
from evaluator.claims.declaration import ClaimsError
from evaluator.disclosure.control import Release
from evaluator.evaluation import evaluate
from evaluator.leaderboard.reports.report import render_report
from evaluator.panel_figures import with_panels
from evaluator.signing.signer import Signer
from evaluator.signing.verification import own_keys, verify_ledger
from evaluator.steward import steward
from evaluator.steward.addenda import add_claims
from evaluator.steward.file_check import try_file
from evaluator.steward.next_draw import draw_next
from evaluator.steward.pool import StewardError, hidden_cases, select_cases
from evaluator.stores.cohort_cards import card_file
from evaluator.stores.installation import Installation
from evaluator.tasks.scored_cases import read_cases
from evaluator.terminal import printing
from metrics.claims.claim import Claim, Part, Study
from submissions.ledger.beside_releases.retirement import RETIRED
from submissions.predictions import Predictions
from submissions.submission import State, Submission
from tests.support.claims_file import with_claims
from tests.support.commands import refused
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import always_the_same_draw

CLAIMS = """
[study]
looks = 2
assumed = { sensitivity = 0.97, difference = 0.6, discordance = 0.65 }

[[claims]]
name = "Sensitivity"
figure = "sensitivity"
at_least = 0.50
threshold = 0.5

[[claims]]
name = "Better than the reader"
figure = "sensitivity"
superior_to = "reader"

[comparators.reader]
file = "reader.csv"
calls = "call"
"""
SMALL = {
    "size = 200": "size = 26",
    "sequestered_share = 0.5": "sequestered_share = 0.7",
    "minimum_cell = 10": "minimum_cell = 5",
    "minimum_per_class = 10": "minimum_per_class = 5",
}


@dataclass(frozen=True)
class Commons:
    """A catalog, and an installation whose patients are assigned."""

    folder: Path
    home: Installation

    @property
    def catalog(self) -> Path:
        """The folder of the catalog."""
        return self.folder / "catalog"

    def benchmark(self, folder: Path, name: str, claims: str = CLAIMS) -> Benchmark:
        """A benchmark beside a reader's calls of every case."""
        path = with_claims(folder, claims, name=name)
        text = path.read_text()
        for old, new in SMALL.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        self.write_calls(folder)
        return read_benchmark(path)

    def write_calls(self, folder: Path, lost: int = 0) -> None:
        """A reader who calls every third study positive, in words."""
        with (folder / "reader.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Study UID", "call"])
            for place, study in enumerate(self.studies()[lost:]):
                writer.writerow([study, "yes" if place % 3 == 0 else "no"])

    def studies(self) -> list[str]:
        """The studies of the catalog."""
        return sorted(catalog.read(self.catalog).study_uids().to_pylist())

    def assign(self, benchmark: Benchmark) -> None:
        """Sequester the patients of a benchmark."""
        steward.sequester(self.home, benchmark, self.catalog, self.folder / "open.csv")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commons")
    simulate(folder / "commons", patients=120, seed=1)
    tables = [folder / "commons" / name for name in ("clinical.csv", "measurement.tsv")]
    catalog.update(folder / "commons" / "dicom", records.read(*tables), folder / "catalog")
    return folder


@pytest.fixture
def commons(indexed: Path, tmp_path: Path) -> Commons:
    always_the_same_draw(tmp_path / "home")
    return Commons(indexed, Installation(tmp_path / "home"))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (
            '[[claims]]\nname = "a"\nfigure = "auroc"\nat_least = 0.6\nwithin = { site = "109" }\n',
            "names site '109', which no case has",
        ),
        (
            '[[claims]]\nname = "a"\nfigure = "auroc"\nat_least = 0.6\neach = "race"\n',
            "claim 'a' is about race 'Asian', which disclosure control does not show",
        ),
        (
            '[study]\nlooks = 50\nspending = "decreasing"\n'
            '[[claims]]\nname = "a"\nfigure = "auroc"\nat_least = 0.6\n',
            "claim 'a': the level 6.1e-06 of a claim on auroc is too small to be checked",
        ),
        (
            '[[claims]]\nname = "a"\nfigure = "sensitivity"\nat_least = 0.75\n',
            "not worth its cases",
        ),
    ],
)
def test_the_check_names_what_cannot_be_sealed(
    commons: Commons, tmp_path: Path, claims: str, said: str
) -> None:
    tried = try_file(commons.benchmark(tmp_path, "checked", claims), commons.catalog)
    assert any(said in problem for problem in tried.problems), tried.problems


def test_the_check_names_an_unknown_level_once(commons: Commons, tmp_path: Path) -> None:
    claims = '[[claims]]\nname = "a"\nfigure = "auroc"\nat_least = 0.6\nwithin = { site = "109" }\n'
    (problem,) = try_file(commons.benchmark(tmp_path, "checked", claims), commons.catalog).problems
    assert "names site '109', which no case has" in problem


def test_the_check_counts_the_cases_that_a_comparator_lacks(
    commons: Commons, tmp_path: Path
) -> None:
    benchmark = commons.benchmark(tmp_path, "checked")
    assert not try_file(benchmark, commons.catalog).problems
    commons.write_calls(tmp_path, lost=40)
    (problem,) = try_file(benchmark, commons.catalog).problems
    assert "[comparators.reader]: reader.csv has no call for" in problem
    assert "the first is '" in problem
    (tmp_path / "reader.csv").unlink()
    (problem,) = try_file(benchmark, commons.catalog).problems
    assert "no such file" in problem


def test_a_study_is_sealed_with_its_cohort_and_keeps_its_patients(
    commons: Commons, tmp_path: Path
) -> None:
    first = commons.benchmark(tmp_path, "first")
    commons.assign(first)
    matched = steward.match(commons.home, first, commons.catalog)
    assert not any("left out" in note for note in matched.notes)
    (tmp_path / "reader.csv").unlink()  # the enclave has its copy
    kept = commons.home.enclave().benchmark_folder("first") / "comparators" / "reader.csv"
    assert kept.is_file()
    assert "reader.csv" not in {path.name for path in (commons.home.root / "benchmarks").rglob("*")}

    sealed = steward.seal_cohort(commons.home, first, commons.catalog, look=False)
    cohort, study = sealed.cohort, sealed_study.of(sealed.cohort)
    assert study is not None
    console = Console(file=io.StringIO(), width=300, record=True)
    console.print(printing.sealed(sealed))
    printed = console.export_text()
    assert f"2 looks of each team; claims {study.digest}" in printed
    assert "sensitivity at least 0.500 at the threshold 0.5" in printed
    assert first.study is not None
    assert study.declaration == first.study.digest
    assert study.sealed_at == cohort.created
    assert not study.addendum
    exact, paired = (claim.parts[0] for claim in study.study.claims)
    assert study.used(exact, 0.0125) == 0.0125  # an exact bound keeps the level of its look
    assert 0.0 < study.used(paired, 0.0125) <= 0.0125
    with pytest.raises(KeyError):
        study.used(exact, 0.025)
    assert all(each.error <= 1.12 * each.nominal for each in study.levels)
    said = cohort.comparators()["reader"]
    place = {uid: number for number, uid in enumerate(commons.studies())}
    assert said == {
        case_id: float(place[uid] % 3 == 0) for case_id, (uid, _) in cohort.sources().items()
    }
    assert all(
        "reader" not in path.read_text(errors="ignore")
        for path in cohort.directory.rglob("*")
        if path.is_file() and path.suffix != ".dcm" and path.name != "manifest.json"
    )
    card = json.loads(card_file(commons.home, "first").read_text())
    assert card["claims"]["digest"] == study.digest
    entries = commons.home.ledger().chain.entries(event="claims")
    assert [entry.content for entry in entries] == [f"{study.digest} 2"]

    other = commons.benchmark(tmp_path, "other", "")
    commons.assign(other)
    taken = {patient for _, patient in cohort.sources().values()}
    found = steward.match(commons.home, other, commons.catalog)
    assert not taken & {case.patient_id for case in found.cases}
    pool = hidden_cases(commons.home, other, commons.catalog)
    assert {case.patient_id for case in pool} >= taken
    assert f"{len(taken)} patients are left out of the pool" in found.notes[-1]

    commons.home.ledger().record("retired", "first", "the steward said so")
    again = steward.match(commons.home, other, commons.catalog)
    assert not any("left out" in note for note in again.notes)


def test_a_next_draw_has_the_claims_and_comparators_of_the_former(
    commons: Commons, tmp_path: Path
) -> None:
    first = commons.benchmark(tmp_path, "first")
    commons.assign(first)
    steward.match(commons.home, first, commons.catalog)
    former = steward.seal_cohort(commons.home, first, commons.catalog, look=False).cohort
    (tmp_path / "reader.csv").unlink()
    drawn = draw_next(commons.home, "first", commons.catalog, share=0.5, look=False)
    assert drawn.n_shared > 0  # of a draw that ends with this one
    cohort = drawn.sealed.cohort
    one, two = sealed_study.of(former), sealed_study.of(cohort)
    assert one is not None
    assert two is not None
    assert one.declaration == two.declaration
    assert set(cohort.comparators()["reader"]) == {case.case_id for case in cohort.cases()}


def test_a_next_draw_that_is_refused_leaves_no_benchmark(commons: Commons, tmp_path: Path) -> None:
    first = commons.benchmark(tmp_path, "first")
    commons.assign(first)
    steward.match(commons.home, first, commons.catalog)
    steward.seal_cohort(commons.home, first, commons.catalog, look=False)
    kept = sorted((commons.home.root / "enclave" / "benchmarks").rglob("*"))
    with pytest.raises(ValueError, match="the overlap is -1"):
        draw_next(commons.home, "first", commons.catalog, share=-1.0, look=False)
    assert commons.home.names() == ["first"]
    left = sorted((commons.home.root / "enclave" / "benchmarks").rglob("*"))
    assert [path for path in left if path.is_file()] == [path for path in kept if path.is_file()]
    drawn = draw_next(commons.home, "first", commons.catalog, share=0.5, look=False)
    assert drawn.name == "first-draw-2"


def test_the_check_reads_the_comparators_without_a_catalog_too(
    commons: Commons, tmp_path: Path
) -> None:
    path = commons.benchmark(tmp_path, "checked").path
    (tmp_path / "reader.csv").write_text("Study UID,call\n1.2.3,perhaps\n")
    told = refused("benchmark", "check", path)
    assert "[comparators.reader]: reader.csv line 2: call is 'perhaps'; give 0 or 1" in told


def test_a_case_of_a_claims_cohort_that_was_sealed_since_the_draw_is_refused(
    commons: Commons, tmp_path: Path
) -> None:
    one, two = (commons.benchmark(tmp_path, name) for name in ("one", "two"))
    for each in (one, two):
        commons.assign(each)
        steward.match(commons.home, each, commons.catalog)
    steward.seal_cohort(commons.home, one, commons.catalog, look=False)
    with pytest.raises(StewardError, match="drawn patients are in the cohort of 'one' too"):
        steward.seal_cohort(commons.home, two, commons.catalog, look=False)


def test_a_comparator_that_lacks_drawn_cases_is_refused_at_the_seal(
    commons: Commons, tmp_path: Path
) -> None:
    benchmark = commons.benchmark(tmp_path, "lacking")
    commons.write_calls(tmp_path, lost=len(commons.studies()) - 1)
    commons.assign(benchmark)
    steward.match(commons.home, benchmark, commons.catalog)
    with pytest.raises(ClaimsError, match=r"reader.csv has no call for \d+ of \d+ cases"):
        steward.seal_cohort(commons.home, benchmark, commons.catalog, look=False)
    assert not commons.home.enclave().is_sealed("lacking")


ADDED = """
[study]
looks = 2
[[claims]]
name = "Specificity"
figure = "specificity"
at_least = 0.50
"""


def test_claims_are_added_once_signed_and_only_before_the_first_look(
    commons: Commons, tmp_path: Path
) -> None:
    plain = commons.benchmark(tmp_path, "plain", "")
    commons.assign(plain)
    steward.match(commons.home, plain, commons.catalog)
    cohort = steward.seal_cohort(commons.home, plain, commons.catalog, look=False).cohort
    ledger = commons.home.ledger()
    signer = Signer(commons.home, ledger)
    file = tmp_path / "claims.toml"

    def sentence(text: str) -> str:
        file.write_text(text)
        with pytest.raises(ValueError, match=r"\w") as found:
            add_claims(commons.home, "plain", file, signer.state)
        return str(found.value)

    assert "[comparators], which are sealed with the labels" in sentence(
        ADDED + '[comparators.a]\nfile = "a.csv"\n'
    )
    assert "has 'quota', which is no table" in sentence(ADDED + "[quota]\n")
    assert "has no [[claims]]" in sentence("")
    assert "which disclosure control does not show" in sentence(ADDED + 'each = "race"\n')
    assert addendum.of(ledger, "plain") is None

    file.write_text(ADDED)
    added = add_claims(commons.home, "plain", file, signer.state)
    assert added.addendum
    assert addendum.of(ledger, "plain") == added
    assert sealed_study.of(cohort) is None
    (entry,) = ledger.chain.entries(event=addendum.EVENT)
    statement = addendum.signed(entry)
    assert statement.content["file"] == ADDED
    assert statement.content["cohort_digest"] == cohort.digest
    assert [each.content for each in ledger.chain.entries(event="claims")] == [f"{added.digest} 2"]
    signer.sign()
    assert not verify_ledger(ledger, own_keys(commons.home)).problems
    assert "claims were added to 'plain' on" in sentence(ADDED)

    late = commons.benchmark(tmp_path, "late", "")
    commons.assign(late)
    found = steward.match(commons.home, late, commons.catalog)
    assert "which still takes submissions, and claims allow no case in two" in found.notes[-1]
    sealed = steward.seal_cohort(commons.home, late, commons.catalog, look=False).cohort
    commons.home.enclave().record_predictions("s", sealed.digest, Predictions({}), run_key=None)
    with pytest.raises(ClaimsError, match="1 submission read the cohort of 'late'"):
        add_claims(commons.home, "late", file, signer.state)


def test_claims_are_not_added_where_an_ended_benchmark_read_the_patients(
    commons: Commons, tmp_path: Path
) -> None:
    """Its figures are told, and the claims could follow them."""
    ledger = commons.home.ledger()
    for name in ("ended", "again"):
        made = commons.benchmark(tmp_path, name, "")
        commons.assign(made)
        steward.match(commons.home, made, commons.catalog)
        cohort = steward.seal_cohort(commons.home, made, commons.catalog, look=False).cohort
        if name == "ended":
            enclave = commons.home.enclave()
            enclave.record_predictions("s", cohort.digest, Predictions({}), run_key=None)
            ledger.record(RETIRED, "ended", "two submissions knew more than chance")
    file = tmp_path / "claims.toml"
    file.write_text(ADDED)
    signer = Signer(commons.home, ledger)
    with pytest.raises(ClaimsError, match="cohort of 'ended' too, which 1 submission read before"):
        add_claims(commons.home, "again", file, signer.state)


def test_an_addendum_that_is_not_the_signed_one_is_found(commons: Commons, tmp_path: Path) -> None:
    """Another study stands in it, before it was signed or after."""
    ledger = commons.home.ledger()
    study = sealed_study.SealedStudy(
        study=Study(claims=(Claim(name="a", parts=(Part(figure="auroc", goal=0.8),)),)),
        levels=(),
        declaration="sha256:0",
        sealed_at="2026-01-01T00:00:00+00:00",
        addendum=True,
    )
    content = addendum.statement("plain", "sha256:1", study, "")
    content["study"]["alpha"] = 0.05
    signed = Signer(commons.home, ledger).state(content)
    ledger.record(addendum.EVENT, "plain", signed.to_json())
    with pytest.raises(ClaimsError, match="are not those that were signed"):
        addendum.of(ledger, "plain")
    other = signed.to_json().replace('"goal":0.8', '"goal":0.7')
    assert other != signed.to_json()
    ledger.record(addendum.EVENT, "other", other)
    ledger.record(addendum.EVENT, "none", "no JSON")
    with pytest.raises(ClaimsError, match="holds no signed statement"):
        addendum.of(ledger, "none")
    changed, none = verify_ledger(ledger, own_keys(commons.home)).problems
    assert changed == "the signature of the claims added to other is not what was signed"
    assert "claims added to 'none', holds no signed statement" in none


def test_a_claims_benchmark_draws_nobody_of_a_living_board(
    commons: Commons, tmp_path: Path
) -> None:
    board = commons.benchmark(tmp_path, "board", "")
    commons.assign(board)
    steward.match(commons.home, board, commons.catalog)
    cohort = steward.seal_cohort(commons.home, board, commons.catalog, look=False).cohort
    study = commons.benchmark(tmp_path, "study")
    commons.assign(study)
    found = steward.match(commons.home, study, commons.catalog)
    taken = {patient for _, patient in cohort.sources().values()}
    assert not taken & {case.patient_id for case in found.cases}


PANEL = """
[panels.radiologists]
file = "reads.csv"
call_at = 4
margin = 0.1
"""


def write_reads(commons: Commons, folder: Path, readers: int = 4, lost: int = 0) -> None:
    """Readers who rate each study 1 to 5 by the label, one in four by its place alone."""
    positive = labels(commons)
    with (folder / "reads.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["reader", "Study UID", "rating"])
        for reader in range(readers):
            for place, study in enumerate(commons.studies()):
                if place < lost and reader == 1:
                    continue
                by_label = (place + reader) % 4 > 0
                rating = 1 + (4 * positive[study] if by_label else (3 * place + reader) % 5)
                writer.writerow([f"Dr {reader}", study, rating])


def labels(commons: Commons) -> dict[str, int]:
    benchmark = read_benchmark(REPOSITORY / "benchmarks" / "simulated-opacity.toml")
    found = dict.fromkeys(commons.studies(), 0)
    return found | {
        case.case_id: int(case.label)
        for case in select_cases(benchmark, catalog.read(commons.catalog)).cases
    }


def test_a_panel_is_sealed_with_the_labels_and_shown_beside_a_model(
    commons: Commons, tmp_path: Path
) -> None:
    benchmark = commons.benchmark(tmp_path, "panel", PANEL)
    write_reads(commons, tmp_path)
    assert not try_file(benchmark, commons.catalog).problems
    commons.assign(benchmark)
    steward.match(commons.home, benchmark, commons.catalog)
    (tmp_path / "reads.csv").unlink()  # the enclave has its copy
    cohort = steward.seal_cohort(commons.home, benchmark, commons.catalog, look=False).cohort
    said = cohort.comparators()
    assert sorted(said) == [
        f"radiologists/{kind}/{number}" for kind in ("calls", "scores") for number in range(1, 5)
    ]
    assert not any("Dr " in path.read_text() for path in cohort.directory.rglob("*.json"))

    cases = cohort.cases()
    scores = np.array([0.3 + 0.4 * case.label + 0.02 * (i % 11) for i, case in enumerate(cases)])
    predictions = Predictions(
        {case.case_id: (float(s),) for case, s in zip(cases, scores, strict=True)}
    )
    entry = Submission(
        submission_id="4f1c9be2a07d",
        team="Team",
        model="Model",
        benchmark="panel",
        image_digest="sha256:" + "1f" * 32,
        threshold=0.5,
        state=State.SCORING,
        received=datetime(2026, 1, 5, tzinfo=UTC),
    )
    found = evaluate(entry, benchmark, cohort, predictions, commons.home.enclave()).release
    assert [each.figure for each in found.panels] == ["auroc", "sensitivity", "specificity"]
    ratings, calls = (
        np.array(
            [[said[f"radiologists/{kind}/{n}"][c.case_id] for c in cases] for n in range(1, 5)]
        )
        for kind in ("scores", "calls")
    )
    assert set(np.unique(ratings)) <= {1, 2, 3, 4, 5}
    assert (calls == (ratings >= 4)).all()
    y = np.array([case.label for case in cases])
    sensitivity = found.panels[1]
    mean = calls[:, y == 1].mean()
    assert sensitivity.mean == pytest.approx(mean, abs=0.006)
    own = (scores[y == 1] >= 0.5).mean()
    assert sensitivity.difference == pytest.approx(own - mean, abs=0.006)
    assert sensitivity.low < sensitivity.difference < sensitivity.high
    assert (sensitivity.n_readers, sensitivity.margin) == (4, 0.1)
    written = found.to_json()
    assert Release.from_json(written) == found
    assert "Dr " not in written
    page = render_report(found)
    assert f"Sensitivity of the mean of 4 readers (radiologists): {sensitivity.mean:g}" in page

    alone = replace(found, results=tuple(r for r in found.results if r.metric != "auroc"))
    given = read_cases(cohort, predictions)
    assert [each.figure for each in with_panels(alone, benchmark.panels, given).panels] == [
        "sensitivity",
        "specificity",
    ]
    told_once = replace(found, rule=replace(found.rule, feedback="ladder"), panels=())
    assert with_panels(told_once, benchmark.panels, given).panels == ()


def test_a_panel_that_lacks_reads_or_readers_is_refused(commons: Commons, tmp_path: Path) -> None:
    benchmark = commons.benchmark(tmp_path, "panel", PANEL)
    write_reads(commons, tmp_path, lost=len(commons.studies()) // 2)
    (problem,) = try_file(benchmark, commons.catalog).problems
    assert "reader 'Dr 1' has no read of" in problem
    write_reads(commons, tmp_path, readers=2)
    (problem,) = try_file(benchmark, commons.catalog).problems
    assert "has 2 readers; a panel has 3 or more" in problem
    (tmp_path / "reads.csv").write_text("reader,study_uid,rating\nA,1.2,high\n")
    told = refused("benchmark", "check", benchmark.path)
    assert "[panels.radiologists]: reads.csv line 2: rating is 'high'" in told
