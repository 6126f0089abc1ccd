"""The text of a filed report, section by section, from a release and what is known beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaluator.claims import words
from evaluator.disclosure.control import Release
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.feedback_choice import told_how
from evaluator.figure_kinds import covered
from evaluator.filing import annexes, results
from evaluator.filing.blocks import Block, charts, heading, listed, paragraph, table
from evaluator.filing.independence import NOT_SHOWN, Independence
from evaluator.filing.typesetting import tools
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.chart import Chart
from evaluator.leaderboard.reports import fact_sheet_block, footing
from evaluator.leaderboard.reports.findings import findings
from evaluator.leaderboard.reports.population import MET, population
from evaluator.scoring.code_version import code_version
from evaluator.scoring.results import TargetComparison
from metrics.group import SAMPLED
from submissions.fact_sheet import FactSheet
from submissions.signatures import Signed

REFERENCES = (
    "Bossuyt PM, Reitsma JB, Bruns DE, et al. STARD 2015: an updated list of essential items for "
    "reporting diagnostic accuracy studies. BMJ 2015;351:h5527.",
    "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated "
    "receiver operating characteristic curves. Biometrics 1988;44:837-845.",
    "Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics "
    "1997;53:567-578.",
    "Wilson EB. Probable inference, the law of succession, and statistical inference. Journal of "
    "the American Statistical Association 1927;22:209-212.",
    "Zou GY, Donner A. Construction of confidence limits about effect measures: a general "
    "approach. Statistics in Medicine 2008;27:1693-1702.",
    "Van Calster B, McLernon DJ, van Smeden M, Wynants L, Steyerberg EW. Calibration: the Achilles "
    "heel of predictive analytics. BMC Medicine 2019;17:230.",
    "Janes H, Pepe MS. Matching in studies of classification accuracy. Biometrics 2008;64:1-9.",
    "Wiens BL, Dmitrienko A. The fallback procedure for evaluating a single family of hypotheses. "
    "Journal of Biopharmaceutical Statistics 2005;15:929-942.",
    "ISO 19005-3:2012 (PDF/A-3); ISO 14289-1:2014 (PDF/UA-1).",
)


OF_GROUPS = ("forest", "joint_forest", "heat_map")
"""What names of charts of groups begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a filed report is written from; ``charts`` by name, in the order in which they stand.

    ``exposure`` says in sentences how often the cohort was looked at, as the ledger has it.
    """

    release: Release
    primary: str
    independence: Independence
    signed: Signed | None
    document_sha256: str
    evaluation_key: str
    release_number: int
    sheet: FactSheet | None
    charts: Mapping[str, Chart]
    exposure: tuple[str, ...] = ()


def parts(of: Contents) -> list[Block]:
    """Every part of the report in order, the annexes last."""
    return [
        *_verdict(of.release),
        *_summary(of),
        *_estimand(of),
        *_independence(of),
        *_results(of),
        *_groups(of),
        *_methods(of),
        *_withheld(of),
        *_limits(),
        *_declared(of.sheet),
        *_versions(of),
        heading("References"),
        listed(REFERENCES),
        *annexes.printed(declared=of.sheet is not None),
    ]


def _verdict(release: Release) -> Iterator[Block]:
    """The verdict on the declared claims, before any figure."""
    if release.verdict is None:
        return
    verdict_words = words.in_words(release.verdict)
    yield heading(f"Verdict: {verdict_words.summary}")
    for claim in verdict_words.claims:
        yield paragraph(claim.head)
        yield listed(claim.sentences)
    yield listed(verdict_words.notes)


def _summary(of: Contents) -> Iterator[Block]:
    release = of.release
    yield heading("Summary")
    yield paragraph(
        f"The model {release.model} of the team {release.team} was run on the sequestered cohort "
        f"of the benchmark {release.benchmark}."
    )
    estimate, primary = release.find(of.primary), figure(of.primary)
    if estimate is None or estimate.value is None:
        why = "not released" if estimate is None else estimate.undefined or "undefined"
        yield paragraph(f"{primary.name} ({primary.short}), the primary figure: {why}.")
    else:
        interval = numbers.interval(estimate)
        interval_words = (
            f", {numbers.percent(release.confidence)} interval {interval}" if interval else ""
        )
        yield paragraph(
            f"{primary.name} ({primary.short}), the primary figure, is {numbers.value(estimate)}"
            f"{interval_words} ({estimate.method})."
        )
    in_words = findings(release, of.primary)
    for sentence in in_words.alarms:
        yield paragraph(sentence)
    for finding in in_words.found:
        yield paragraph(f"{finding.heading}: {' '.join(finding.sentences)}")


def _estimand(of: Contents) -> Iterator[Block]:
    release, primary = of.release, figure(of.primary)
    yield heading("Estimand")
    about = population(release)
    feedback = told_how(release.rule)
    calls = f"Calls are made at the threshold of {release.threshold:g}. "
    if release.task:
        calls = ""
    estimates = "The report estimates" if feedback is None else "The benchmark asks for"
    yield paragraph(
        f"{estimates} the {primary.within} of this model, as "
        f"the image of the digest below computes it, in {_where(release.target)}, against the "
        f"reference standard of the benchmark. {calls}The unit is the case; patients are "
        f"what was sampled."
    )
    if feedback is not None:
        yield paragraph(feedback)
    if about is None:
        return
    for sentence in about.sentences:
        yield paragraph(sentence)
    if about.levels:
        yield table(
            "Shares of patients, in the target and in the cohort.",
            ("Attribute", "Level", "Target", "Cohort"),
            [(row.attribute, row.level, row.target, row.achieved) for row in about.levels],
            right=(2, 3),
            widths=("2fr", "3fr", "auto", "auto"),
        )


def _where(target: TargetComparison | None) -> str:
    """The population of the report's figures, which a missed target does not become."""
    if target is None:
        return "the patients of the pool from which the cohort was drawn"
    if target.case_control:
        return "positive and negative cases with the same attributes, as they were drawn"
    if target.effective_patients is not None or target.note.startswith(MET):
        return "the population that the benchmark's target describes"
    return "patients like those of this cohort, which need not have the shares of its target"


def _independence(of: Contents) -> Iterator[Block]:
    yield heading("Independence")
    yield paragraph(
        f"The audit chain of the installation shows this, read up to entry "
        f"{of.independence.up_to}. Each entry holds the digest of the one before."
    )
    yield listed((*of.independence.sentences, *of.exposure))
    yield listed(NOT_SHOWN)


def _results(of: Contents) -> Iterator[Block]:
    yield heading("Results")
    overall = results.overall(of.release)
    if overall is None:
        yield paragraph("No figure over all cases was released.")
        return
    yield overall
    for block in (
        results.parts(of.release),
        results.two_by_two(of.release),
        results.reliability(of.release),
    ):
        if block is not None:
            yield block
    yield from _charts(of, groups=False)


def _groups(of: Contents) -> Iterator[Block]:
    yield heading("Groups")
    blocks = list(results.groups(of.release, of.primary))
    if not blocks:
        yield paragraph("The release shows no groups.")
    else:
        yield paragraph(
            "The groups were declared before scoring. A group that is too small for a figure has "
            "none: that says something about the cohort, not about the model."
        )
    tested = results.declared(of.release)
    if tested is not None:
        yield tested
    yield from _charts(of, groups=True)
    for block in blocks:
        yield {**block, "level": 2} if block["kind"] == "heading" else block


def _charts(of: Contents, *, groups: bool) -> Iterator[Block]:
    """The charts of all cases, or those of groups."""
    chosen = [each for name, each in of.charts.items() if name.startswith(OF_GROUPS) == groups]
    if chosen:
        yield charts(chosen, 1 if groups else 2)


def _methods(of: Contents) -> Iterator[Block]:
    release = of.release
    yield heading("Methods")
    chance = "was left to chance; intervals allow for it"
    if release.sampling_design != SAMPLED:
        chance = "was set by design; intervals do not allow for chance in it"
    yield listed(
        (
            *footing.methods(release),
            "Every case of the cohort has a prediction: a run that leaves one out fails, so none "
            "is missing and none is indeterminate. Cases without a reference standard were not "
            "eligible.",
            f"The number of positive cases {chance}.",
            f"The unit of sampling is the patient: no patient is both in the open part and in the "
            f"cohort, and where a patient has several cases, intervals account for it. Intervals "
            f"are two-sided at {numbers.percent(release.confidence)}; the tables name how each was "
            f"made.",
            "A gap between groups that was declared beforehand is tested, and p-values are "
            "adjusted by the fallback procedure, in the declared order, where several were "
            "declared. Other differences are described.",
        )
    )


def _withheld(of: Contents) -> Iterator[Block]:
    rule, release = of.release.rule, of.release
    yield heading("Disclosure control")
    yield listed(
        (
            f"A group with fewer than {rule.minimum_cell} cases or patients is withheld, and so is "
            f"one that would give such a group back by subtraction.",
            f"A group with fewer than {rule.minimum_cell} positive or negative cases has no figure "
            f"({INSUFFICIENT}).",
            f"Counts of groups are rounded to the nearest {rule.count_step}. Values carry the "
            f"decimals that a tenth of their standard error supports, at most "
            f"{rule.maximum_digits}; bounds are rounded outward.",
            f"Groups without a figure under this rule: {len(release.withheld)}.",
        )
    )
    if release.code_version == code_version():  # another version may have checked otherwise
        yield table(
            "Which checks covered each kind of figure in this release.",
            ("Kind", "Risk", "Checks"),
            [
                (kind.kind, risk.value, "; ".join(check.value for check in checks))
                for kind in covered(release)
                for risk, checks in kind.checks.items()
            ],
            widths=("2fr", "auto", "4fr"),
        )


def _limits() -> Iterator[Block]:
    yield heading("Limits")
    yield listed(
        (
            "These are figures of one model on one cohort with one reference standard. They say "
            "nothing about the use of the model in care, other populations or other scanners.",
            "Figures that depend on prevalence hold at the prevalence of this cohort.",
            "With many groups, some intervals will lie apart by chance. The absence of a shown "
            "difference is not evidence of equal performance.",
            "A signature shows that this release was not changed. It does not show that it is "
            "right.",
        )
    )


def _declared(sheet: FactSheet | None) -> Iterator[Block]:
    yield heading("Declared by the team")
    if sheet is None:
        yield paragraph("The submission came without a fact sheet.")
        return
    yield paragraph("Nobody has checked what the team says of its model.")
    rows = [(entry.name, entry.text) for entry in fact_sheet_block.entries(sheet)]
    rows += [("Training data", f"{data.name}; {', '.join(data.sites)}") for data in sheet.training]
    yield table("Fact sheet of the model.", ("Key", "Text"), rows, widths=("auto", "1fr"))


def _versions(of: Contents) -> Iterator[Block]:
    yield heading("Versions, digests and signature")
    rows = [
        *footing.provenance(of.release),
        ("Release number", str(of.release_number)),
        ("SHA-256 of the attached release", of.document_sha256),
        ("Evaluation", of.evaluation_key),
        ("This PDF was set by", tools()),
    ]
    if of.release.verdict is not None:
        verdict = of.release.verdict
        rows += [("Declaration of claims", verdict.claims_digest), ("Declared", verdict.declared)]
    if of.signed is not None:
        rows += [("Key", of.signed.key_id), ("Signature (Ed25519)", of.signed.encoded)]
    yield table(
        "What was run, on what, and by which code.",
        ("Name", "Value"),
        rows,
        widths=("auto", "1fr"),
        digests=(1,),
    )
    if of.signed is None:
        yield paragraph(
            "This release is not signed yet: sequestra run signs what the installation scored."
        )
    else:
        yield paragraph(
            "The attached file release.signed.json is what sequestra verify-release takes, with "
            "the public key that you have from the steward. The attached release.json holds the "
            "figures as the ledger keeps them, and the names of model and team in their own "
            "script."
        )
    yield paragraph(
        "The code that scored is that of Sequestra, under the Apache licence 2.0; its version is "
        "above. The cohort is sequestered and is not shared. The analysis plan stands in the "
        "benchmark's file; its digest is above."
    )
