"""The card shows what was counted, escapes what it is given, and needs no network."""

from __future__ import annotations

import json

from cohort_selection.card import Card, card_json, render_card
from cohort_selection.criteria import FlowStep
from cohort_selection.matching import match
from cohort_selection.representativeness import representativeness
from cohort_selection.shortcuts import Shortcut
from tests.cohort_selection.test_matching import HALF, pool


def a_card(title: str = "Chest <b>one</b>") -> Card:
    matched = match(pool(), HALF, 100, seed=1)
    return Card(
        title=title,
        digest="sha256:0",
        n_cases=100,
        n_patients=100,
        flow=(
            FlowStep("studies in the catalog", 0, 600, 500),
            FlowStep("view is <PA>", 3, 597, 498),
        ),
        margins=matched.margins,
        deviations=representativeness(matched.cases, HALF, ["sex", "label"], seed=1),
        shortcuts=(Shortcut("BitsStored", 0.99, 0.55, "15: 129 of 129 positive"),),
    )


def test_the_page_stands_alone_and_escapes_every_text() -> None:
    page = render_card(a_card())
    assert "Chest &lt;b&gt;one&lt;/b&gt;" in page
    assert "view is &lt;PA&gt;" in page
    assert "<b>one</b>" not in page
    assert "<script src=" not in page.replace("'", "").replace('"', "")
    assert "<tr class=alarm><td>BitsStored</td><td>0.990</td>" in page


def test_the_json_says_the_same() -> None:
    found = json.loads(card_json(a_card()))
    assert found["flow"][1] == {
        "rule": "view is <PA>",
        "excluded": 3,
        "remaining": 597,
        "patients": 498,
        "unknown": 0,
    }
    female = next(m for m in found["margins"] if m["level"] == "Female")
    assert (female["n_cohort"], female["target"]) == (50, 0.5)
    assert found["deviations"][0]["jsd"] == 0.0
