"""Reads the public store for board, report and pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from cohort_selection.benchmark_keys.meant import did_you_mean
from evaluator.claims.verdict import StudyVerdict
from evaluator.comparison import refuse_several
from evaluator.disclosure.cohort_card import CohortCard
from evaluator.disclosure.control import Release
from evaluator.feedback import looks
from evaluator.leaderboard.board.kept import OfLedger
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.printed import comparison as comparison
from evaluator.leaderboard.reports.report import PRIMARY, render_report
from evaluator.stores.cohort_cards import card_file
from evaluator.stores.installation import Installation
from evaluator.stores.installed_benchmarks import InstalledBenchmarks
from submissions.fact_sheet import FactSheet
from submissions.ledger.ledger import Ledger, PublishedRelease
from submissions.ledger.verdicts.sentences import sentences

if TYPE_CHECKING:
    from fastapi import FastAPI


class NotReleased(ValueError):
    """The submission has no released result."""


def releases(ledger: Ledger, benchmark: str | None = None) -> list[Release]:
    """Every released document, of one benchmark or of all, oldest first."""
    return [Release.from_json(found.document) for found in ledger.releases(benchmark)]


def newest(ledger: Ledger, submission_id: str) -> PublishedRelease:
    """The newest release of one submission as the ledger has it; NotReleased without one."""
    found = ledger.boards.newest(submission_id)
    if found is None:
        state = ledger.submission(submission_id).state
        told = ledger.verdicts.of(submission_id)
        verdict = "" if told is None else f". {'. '.join(sentences(told))}"
        raise NotReleased(
            f"submission {submission_id} is {state.value}; it has no released result{verdict}"
        )
    return found


def released(ledger: Ledger, submission_id: str) -> Release:
    """The newest release of one submission; raise NotReleased where there is none."""
    return Release.from_json(newest(ledger, submission_id).document)


def fact_sheet(ledger: Ledger, submission_id: str) -> FactSheet | None:
    """The fact sheet that came with a submission, or None."""
    document = ledger.fact_sheet(submission_id)
    return None if document is None else FactSheet.from_json(document)


def report(
    installation: Installation, submission_id: str, part: str = ""
) -> tuple[str, StudyVerdict | None]:
    """The report of a submission as one HTML file, or that of one ``part``; and its verdict.

    Raises NotReleased where there is no release, or no such part of it.
    """
    ledger = installation.ledger()
    shown = released(ledger, submission_id)
    names = [each.name for each in shown.parts]
    if part and part not in names:
        raise NotReleased(
            f"the result of submission {submission_id} has no part {part!r}"
            f"{did_you_mean(part, names)}; "
            + (f"it has {', '.join(names)}" if names else "its task has none: leave --part out")
        )
    page = render_report(
        shown,
        primary=primary_figure(installation, shown.benchmark),
        fact_sheet=fact_sheet(ledger, submission_id),
        exposure=exposure(ledger, submission_id),
        part=part,
    )
    return page, shown.verdict


def board_of(ledger: Ledger, submission_ids: Sequence[str]) -> str:
    """The benchmark of submissions; raise ComparisonError where they are not of one board."""
    found = [ledger.submission(each) for each in submission_ids]
    names = sorted({each.benchmark for each in found})
    refuse_several(names)
    return names[0]


def later(ledger: Ledger, benchmark: str) -> int:
    """How many submissions were released after all that the newest comparison covers, if any."""
    last = ledger.comparisons.last(benchmark)
    return 0 if last is None else ledger.comparisons.released_since(benchmark, last.through)


def primary_figure(installation: Installation, benchmark: str) -> str:
    """The figure that heads a benchmark's reports; AUROC's name where it is not installed here."""
    if benchmark not in installation.names():
        return PRIMARY
    return installation.benchmark(benchmark).analysis.primary


class _Listings(Sequence[Listing]):
    """What the home page lists, as it is now."""

    def __init__(self, installed: InstalledBenchmarks) -> None:
        self._installed = installed

    def _now(self) -> list[Listing]:
        return [
            Listing(
                name=found.name,
                title=found.title,
                description=found.description,
                primary=found.analysis.primary,
                digest=found.digest,
                benchmark=found,
            )
            for found in self._installed.now()
        ]

    def __iter__(self) -> Iterator[Listing]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    @overload
    def __getitem__(self, index: int) -> Listing: ...
    @overload
    def __getitem__(self, index: slice) -> list[Listing]: ...
    def __getitem__(self, index: int | slice) -> Listing | list[Listing]:
        return self._now()[index]


def cohort_card(installation: Installation, ledger: Ledger, benchmark: str) -> CohortCard | None:
    """The public card of a sealed cohort; None where a former build sealed it without one."""
    path = card_file(installation, benchmark)
    if not path.is_file() or not ledger.is_recorded("seal", benchmark):
        return None
    return CohortCard.from_json(path.read_text(encoding="utf-8"))


def exposure(ledger: Ledger, submission_id: str) -> tuple[str, ...]:
    """Sentences on which look a released submission was, and how often the cohort was read."""
    return looks.in_words(ledger, submission_id)


def web(ledger: Ledger, installed: InstalledBenchmarks) -> FastAPI:
    """The pages of an installation; they read the public store and nothing else."""
    from evaluator.leaderboard.web import create_app  # the web framework, for `serve` alone

    return create_app(
        OfLedger(ledger, lambda benchmark: comparison(ledger, benchmark)),
        _Listings(installed),
        lambda submission_id: fact_sheet(ledger, submission_id),
        lambda benchmark: comparison(ledger, benchmark),
        lambda benchmark: later(ledger, benchmark),
        lambda benchmark: cohort_card(installed.installation, ledger, benchmark),
        lambda submission_id: exposure(ledger, submission_id),
    )
