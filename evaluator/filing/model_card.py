"""Exports a release as a CHAI Applied Model Card (schema v0.2), for the parts that it knows.

What only the maker of a model can say is taken from the fact sheet, or said to be the maker's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from evaluator.disclosure.control import Release
from evaluator.feedback_choice import told_how
from evaluator.glossary import figure
from evaluator.scoring.results import OVERALL, Result
from metrics.figure_name import Kind
from metrics.gaps.differences import MAX_MIN
from submissions.fact_sheet import FactSheet

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
NAME = "model-card.xml"

OF_MAKER = "Not known to the evaluator; the maker of the model is to say it."
EFFICACY = ("auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv")
RELIABILITY = ("brier", "calibration_slope", "calibration_in_the_large", "ece")


def model_card(release: Release, published: datetime, sheet: FactSheet | None) -> str:
    """The card as XML; elements are those of the schema, in its order."""
    ET.register_namespace("", NAMESPACE)
    card = ET.Element(f"{{{NAMESPACE}}}AppliedModelCard")
    use = OF_MAKER if sheet is None else sheet.intended_use or OF_MAKER
    limits = OF_MAKER if sheet is None else sheet.limits or OF_MAKER
    _texts(
        card,
        "BasicInfo",
        ModelName=release.model,
        ModelDeveloper=release.team,
        DeveloperContact=OF_MAKER if sheet is None else sheet.contact,
    )
    _texts(
        card,
        "ReleaseInfo",
        ReleaseStage=OF_MAKER,
        ReleaseDate=f"{published:%Y-%m-%d} (of the evaluation)",
        ReleaseVersion=OF_MAKER if sheet is None else sheet.version or OF_MAKER,
        GlobalAvailability=OF_MAKER,
    )
    summary = _part(card, "ModelSummary")
    _text(
        summary,
        "Summary",
        f"Evaluated by Sequestra as a container on the sequestered cohort of the benchmark "
        f"{release.benchmark}: {_cases(release)}.",
    )
    _part(summary, "Keywords")
    _texts(
        card,
        "UsesAndDirections",
        IntendedUseAndWorkflow=use,
        PrimaryIntendedUsers=OF_MAKER,
        HowToUse=OF_MAKER,
        TargetedPatientPopulation=OF_MAKER,
        CautionedOutOfScopeSettings=limits,
    )
    _texts(
        card,
        "Warnings",
        KnownRisksAndLimitations=limits,
        KnownBiasesOrEthicalConsiderations="See the metrics of fairness below and the groups of "
        "the attached report.",
        ClinicalRiskLevel=OF_MAKER,
    )
    _trust(card, release, sheet)
    _metrics(card, release)
    _texts(
        card,
        "Resources",
        PeerReviewedPublications=OF_MAKER if sheet is None else sheet.reference or OF_MAKER,
        PatientConsentOrDisclosure="The steward of the data is to say it.",
    )
    _text(card, "Bibliography", f"Release {release.digest} of submission {release.submission_id}")
    ET.indent(card)
    body = ET.tostring(card, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _trust(card: ET.Element, release: Release, sheet: FactSheet | None) -> None:
    trust = _part(card, "TrustIngredients")
    _texts(
        trust,
        "AISystemFacts",
        OutcomesAndOutputs=f"A score for each case, called positive at {release.threshold:g} or "
        "above.",
        ModelType=OF_MAKER if sheet is None else sheet.method or OF_MAKER,
        InputDataSource="Images of the sealed cohort, without identifying data.",
        OutputAndInputDataTypes="DICOM images in, one CSV table of scores out.",
        DevelopmentDataCharacterization=_training(sheet),
        BiasMitigationApproaches=OF_MAKER,
        OngoingMaintenance=OF_MAKER,
    )
    _texts(trust, "TransparencyInformation", FundingSource=OF_MAKER, StakeholdersConsulted=OF_MAKER)


def _metrics(card: ET.Element, release: Release) -> None:
    metrics = _part(card, "KeyMetrics")
    overall = [r for r in release.results if r.group == OVERALL]
    gaps = [r for r in release.results if r.figure.kind is Kind.GAP and r.level == MAX_MIN]
    declared = [r for r in gaps if (str(r.figure.plain), r.attribute) in release.declared_gaps]
    for name, goal, chosen in (
        (
            "UsefulnessUsabilityEfficacy",
            "Discrimination, and calls at the declared threshold",
            [r for r in overall if r.metric in EFFICACY],
        ),
        ("FairnessEquity", "Range of a figure over groups of patients", declared or gaps),
        (
            "SafetyReliability",
            "Agreement of predicted and observed shares",
            [r for r in overall if r.metric in RELIABILITY],
        ),
    ):
        _metric(_part(metrics, name), goal, chosen, release)


def _metric(part: ET.Element, goal: str, chosen: Sequence[Result], release: Release) -> None:
    _text(part, "MetricGoal", goal)
    results = _part(part, "Results")
    valued = [each for each in chosen if each.estimate.value is not None]
    for each in valued:
        row = _part(results, "MetricResult")
        _text(row, "Label", _label(each))
        _text(row, "ValueJson", _value(each, release.confidence))
    if not valued:
        row = _part(results, "MetricResult")
        _text(row, "Label", "No figure was released")
        _text(row, "ValueJson", json.dumps({"kind": "text", "value": "not released"}))
    feedback = told_how(release.rule) or "See the attached report, which has methods and limits."
    _text(part, "Interpretation", feedback)
    _text(part, "TestType", "Retrospective test of the model alone on a sequestered cohort.")
    _text(part, "TestingDataDescription", f"{_cases(release)}; cohort {release.cohort_digest}.")
    _text(
        part,
        "ValidationProcessAndJustification",
        f"Analysis plan {release.plan_digest}, code {release.code_version}; counts and figures "
        "passed disclosure control.",
    )


def _label(result: Result) -> str:
    name = figure(str(result.figure.plain)).name
    if result.figure.kind is Kind.GAP:
        return f"{name}: largest less smallest by {result.attribute}"
    return name


def _value(result: Result, confidence: float) -> str:
    """A value as the schema's examples write one."""
    estimate = result.estimate
    if estimate.low is None or estimate.high is None:
        return json.dumps({"kind": "single", "value": estimate.value})
    return json.dumps(
        {
            "kind": "estimate_ci",
            "estimate": estimate.value,
            "lower": estimate.low,
            "upper": estimate.high,
            "level": round(100 * confidence, 6),
        }
    )


def _cases(release: Release) -> str:
    positive = (
        "" if release.n_positive is None else f", {release.n_positive:,} of the cases positive"
    )
    return f"{release.n_cases:,} cases of {release.n_patients:,} patients{positive}"


def _training(sheet: FactSheet | None) -> str:
    if sheet is None or not sheet.training:
        return OF_MAKER
    return "; ".join(
        f"{data.name} ({', '.join(data.sites)}"
        + ("" if data.patients is None else f"; {data.patients} patients")
        + ")"
        for data in sheet.training
    )


def _texts(parent: ET.Element, name: str, **texts: str) -> None:
    part = _part(parent, name)
    for key, text in texts.items():
        _text(part, key, text)


def _part(parent: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{NAMESPACE}}}{name}")


def _text(parent: ET.Element, name: str, text: str) -> None:
    _part(parent, name).text = "".join(each for each in text if each.isprintable() or each == "\n")
