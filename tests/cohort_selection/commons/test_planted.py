"""Findings that are planted in what simulated radiographs show already: known truth."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from cohort_selection.commons import phantom, simulation
from cohort_selection.commons.planted import CLASSES, FINDINGS, NO_FINDING
from cohort_selection.commons.simulation import expected_auroc

PEOPLE = 1_200
SEED = 11


def drawn() -> tuple[list[dict[str, str]], list[dict[str, str]], list[float]]:
    """Cells of clinical table and truth of many first studies, and the risks of the opacity."""
    clinical, truth, risks = [], [], []
    for number in range(PEOPLE):
        person = simulation._person(SEED, number)
        risk = simulation._risk(person, person.severities[0])
        label = int(simulation._generator(SEED, "label", number, 0).random() < risk)
        found = simulation._planted(person, SEED, number, 0, (risk, label))
        clinical.append(dict(found.clinical))
        truth.append(dict(found.truth))
        risks.append(risk)
    return clinical, truth, risks


def test_findings_and_main_finding_follow_their_known_chances() -> None:
    clinical, truth, risks = drawn()
    columns = (risks, *(column(truth, name) for name in ("risk_large_heart", "risk_low_volumes")))
    for finding, risk, promised in zip(FINDINGS, columns, (0.89, 0.90, 0.91), strict=True):
        there = [finding in row["findings"].split("|") for row in clinical]
        # what the shipped benchmark says that the risks themselves reach
        assert abs(expected_auroc(np.array(risk)) - promised) < 0.01
        assert abs(float(roc_auc_score(there, risk)) - promised) < 0.03
        assert abs(np.mean(there) - np.mean(risk)) < 0.04
    none = [row["findings"] == NO_FINDING for row in clinical]
    assert 0.15 < np.mean(none) < 0.3
    for number, name in enumerate(CLASSES):
        share = np.mean([row["main_finding"] == name for row in clinical])
        assert abs(share - np.mean(column(truth, f"chance_{number}"))) < 0.04


def test_a_large_heart_is_one_that_the_radiograph_shows() -> None:
    _, truth, _ = drawn()
    radius = []
    for number in range(PEOPLE):
        person = simulation._person(SEED, number)
        rng = simulation._generator(SEED, "anatomy", number)
        radius.append(phantom.anatomy(rng, age=person.age, female=person.female).heart)
    order = np.argsort(radius)
    risk = np.array(column(truth, "risk_large_heart"))[order]
    assert (np.diff(risk) >= 0).all()
    assert risk[0] < 0.1 < 0.9 < risk[-1]


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows]
