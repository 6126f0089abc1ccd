"""The card has the elements of CHAI's Applied Model Card v0.2 (mc.chai.org), in its order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from evaluator.disclosure.control import Release
from evaluator.filing.model_card import NAMESPACE, model_card
from evaluator.scoring.results import Result
from submissions.fact_sheet import FactSheet
from tests.support.filed_home import SHEET
from tests.support.hand_made import estimate, evaluation, released

PARTS = {
    "BasicInfo": ["ModelName", "ModelDeveloper", "DeveloperContact"],
    "ReleaseInfo": ["ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability"],
    "ModelSummary": ["Summary", "Keywords"],
    "UsesAndDirections": [
        *("IntendedUseAndWorkflow", "PrimaryIntendedUsers", "HowToUse"),
        *("TargetedPatientPopulation", "CautionedOutOfScopeSettings"),
    ],
    "Warnings": [
        *("KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel"),
    ],
    "TrustIngredients": ["AISystemFacts", "TransparencyInformation"],
    "KeyMetrics": ["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"],
    "Resources": ["PeerReviewedPublications", "PatientConsentOrDisclosure"],
    "Bibliography": [],
}
OF_A_METRIC = [
    *("MetricGoal", "Results", "Interpretation", "TestType", "TestingDataDescription"),
    "ValidationProcessAndJustification",
]
HOUR = datetime(2026, 1, 3, 12, tzinfo=UTC)


def card(release: Release, sheet: FactSheet | None = SHEET) -> ET.Element:
    return ET.fromstring(model_card(release, HOUR, sheet))


def names(element: ET.Element) -> list[str]:
    return [each.tag.removeprefix(f"{{{NAMESPACE}}}") for each in element]


def test_the_elements_are_those_of_the_schema_in_its_order() -> None:
    root = card(released())
    assert root.tag == f"{{{NAMESPACE}}}AppliedModelCard"
    assert names(root) == list(PARTS)
    for part in root:
        assert names(part) == PARTS[part.tag.removeprefix(f"{{{NAMESPACE}}}")]
    for metric in root[6]:
        assert names(metric) == OF_A_METRIC


def metrics(root: ET.Element, place: int) -> dict[str, dict[str, object]]:
    return {row[0].text or "": json.loads(row[1].text or "") for row in root[6][place][1]}


def test_figures_carry_their_bounds_as_released() -> None:
    found = released()
    auroc = found.find("auroc")
    assert auroc is not None
    assert metrics(card(found), 0)["Area under the ROC curve"] == {
        "kind": "estimate_ci",
        "estimate": auroc.value,
        "lower": auroc.low,
        "upper": auroc.high,
        "level": 95,
    }


def test_declared_gaps_alone_stand_under_fairness_where_some_were_declared() -> None:
    assert len(metrics(card(released()), 1)) == 5
    scored = replace(evaluation(), declared_gaps=(("auroc", "sex"),))
    assert list(metrics(card(released(scored=scored)), 1)) == [
        "Area under the ROC curve: largest less smallest by sex"
    ]


def test_a_card_without_figures_and_without_a_fact_sheet_is_whole_too() -> None:
    small = released(scored=evaluation({}, overall=(12, 2)))
    assert small.results == ()
    root = card(small, None)
    assert names(root) == list(PARTS)
    assert list(metrics(root, 0)) == ["No figure was released"]
    assert "maker of the model" in (root[0][2].text or "")


def test_names_keep_their_own_script_and_are_no_markup() -> None:
    root = card(replace(released(), model="日本 <b>&amp;", team="\x01Équipe"))
    assert [each.text for each in root[0]][:2] == ["日本 <b>&amp;", "Équipe"]


def test_a_figure_without_an_interval_is_a_single_value() -> None:
    scored = evaluation({})
    bare = replace(estimate(0.02, 300, 150), low=None, high=None)
    scored = replace(scored, results=(*scored.results, Result.named("ece", "overall", "all", bare)))
    found = released(scored=scored)
    single = [row for row in metrics(card(found), 2).values() if row["kind"] == "single"]
    assert single == [{"kind": "single", "value": 0.02}]
