"""What a report may say of how its figures came about: sequestered, or scored by their own reader.

One home for every sentence that is true of the one kind of report and not of the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.disclosure.control import Release
from evaluator.glossary import OPERATING
from metrics.group import SAMPLED

OWN_SCORES = "own scores"
"""In place of team and benchmark, where readers score predictions of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """Texts of a report; an empty one is left out.

    ``evaluated`` follows "300 cases of 300 patients", ``declared`` follows "the threshold of 0.5".
    ``gaps_in_plan`` names the gaps that are tested.
    """

    own: bool
    banner: str
    colophon: str
    evaluated: str
    declared: str
    threshold: str
    operating: str
    date: str
    subgroups: str
    intersections: str
    methods: tuple[str, ...]
    threshold_in_methods: str
    positives: str
    nothing_withheld: str
    tested_gap: str
    gaps_in_plan: str
    untested_gaps: str
    prevalence: str
    prevalence_by_design: str


_SEQUESTERED = Footing(
    own=False,
    banner="",
    colophon="Models are run in sealed containers on cases that are kept from their makers. "
    "What stands here passed the disclosure rule of its benchmark; no figure of a single case is "
    "ever shown.",
    evaluated=" that were kept from the team",
    declared=", declared beforehand,",
    threshold="Declared threshold",
    operating=OPERATING,
    date="Received",
    subgroups="The groups were declared before scoring. ",
    intersections=", as declared",
    methods=(
        "The model was run as a container, without network and without labels, on case "
        "identifiers and an order drawn for this submission alone. Scores were computed after the "
        "container had ended.",
    ),
    threshold_in_methods="The threshold of {:g} was declared before the model was run on these "
    "cases.",
    positives="was",
    nothing_withheld="",
    tested_gap="A gap that was declared beforehand is tested",
    gaps_in_plan="declared",
    untested_gaps="No gap between groups was declared beforehand: gaps are described here, not "
    "tested.",
    prevalence="which the draw of this cohort left to chance",
    prevalence_by_design="which this cohort sets by design",
)

_OWN = Footing(
    own=True,
    banner="Self-scored, not sequestered. These scores were made elsewhere and were given "
    "together with the labels; nobody but the reader vouches for either.",
    colophon="Written by `sequestra score` from a table of scores and a table of labels. This page "
    "was not released by a benchmark, and is not signed.",
    evaluated=" in the tables that were given",
    declared="",
    threshold="Threshold",
    operating="At the threshold",
    date="Scored",
    subgroups="",
    intersections="",
    methods=(
        "The scores were made elsewhere and given with the labels. Nothing here shows that the "
        "model had not seen these cases, or that the threshold and the groups were chosen before "
        "the scores were known.",
    ),
    threshold_in_methods="",
    positives="is taken as",
    nothing_withheld="Nothing is withheld: the data are the reader\N{RIGHT SINGLE QUOTATION MARK}s "
    "own.",
    tested_gap="A gap that the analysis plan names is tested",
    gaps_in_plan="named",
    untested_gaps="The analysis plan names no gap between groups: gaps are described here, not "
    "tested.",
    prevalence="taken as set by chance",
    prevalence_by_design="taken as set by design",
)


def footing(release: Release) -> Footing:
    """The texts that are true of a release."""
    return _OWN if release.benchmark == OWN_SCORES else _SEQUESTERED


def of_prevalence(release: Release) -> str:
    """What set the prevalence of a release's cohort, as the end of a sentence."""
    texts = footing(release)
    if release.sampling_design == SAMPLED:
        return texts.prevalence
    return texts.prevalence_by_design


def calls_at_threshold(release: Release) -> bool:
    """Whether any figure is read at the threshold; masks and marks have none."""
    return not release.task or bool(release.parts)


def methods(release: Release) -> tuple[str, ...]:
    """How the model came to its scores, in sentences."""
    texts = footing(release)
    if texts.threshold_in_methods and calls_at_threshold(release):
        return (*texts.methods, texts.threshold_in_methods.format(release.threshold))
    return texts.methods


def provenance(release: Release, digest: str = "") -> list[tuple[str, str]]:
    """Names and digests of what a release came from; own scores have neither image nor seal.

    ``digest`` is the release's, where somebody has its document already: to write one only for
    that takes a quarter of the time of a report.
    """
    named = [
        ("Submission", release.submission_id),
        (footing(release).date, release.received.isoformat(timespec="seconds")),
        ("Benchmark", release.benchmark),
        ("Container image", release.image_digest),
        ("Sealed cohort", release.cohort_digest),
        ("Analysis plan", release.plan_digest),
        ("Code version", release.code_version),
        ("This release", digest or release.digest),
    ]
    if release.verdict is not None:
        verdict = release.verdict
        named += [("Declaration of claims", verdict.claims_digest), ("Declared", verdict.declared)]
    if not footing(release).own:
        return named
    told = ("Scored", "Analysis plan", "Code version")
    return [(name, text) for name, text in named if name in told]
