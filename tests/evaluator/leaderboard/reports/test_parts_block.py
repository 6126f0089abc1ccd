"""The parts of a task on pages, in files and in MLflow."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import httpx
import pytest

from evaluator.disclosure.control import Release, ReleasedPart
from evaluator.filing import results
from evaluator.glossary import figure
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.reports.report import render_report
from evaluator.leaderboard.web import create_app
from evaluator.tracking import artifacts
from evaluator.tracking.headline import parts
from tests.support import hand_made
from tests.support.serving import serving

EMPTY = "Nodule <small>"


def part(name: str, of: Release) -> ReleasedPart:
    return ReleasedPart(
        name=name,
        threshold=0.25,
        n_cases=of.n_cases - 20,
        n_patients=of.n_patients,
        n_positive=of.n_positive,
        results=of.results,
        curves=of.curves,
        withheld=of.withheld,
    )


@pytest.fixture
def whole() -> Release:
    made = hand_made.released()
    of = part("Effusion", made)
    empty = replace(of, name=EMPTY, results=(), curves=(), n_positive=None)
    return replace(made, task="multilabel", parts=(of, empty))


def test_a_release_with_parts_is_read_as_it_was_written(whole: Release) -> None:
    assert Release.from_json(whole.to_json()) == whole
    assert '"task":"multilabel"' in whole.to_json()
    assert '"parts"' not in hand_made.released().to_json()


def test_a_part_is_a_release_of_its_own_counts_and_threshold(whole: Release) -> None:
    found = whole.of_part("Effusion")
    assert (found.n_cases, found.threshold, found.parts) == (whole.n_cases - 20, 0.25, ())
    with pytest.raises(KeyError):
        whole.of_part("effusion")


def test_the_report_lists_the_parts_and_says_which_has_no_figure(whole: Release) -> None:
    page = render_report(whole, standalone=False)
    assert '<a href="/submissions/s-0001/parts/Effusion">Effusion</a>' in page
    assert "Nodule &lt;small&gt;" in page
    assert "Nodule <small>" not in page
    row = page[page.index("Nodule &lt;small&gt;") :]
    assert "insufficient data" in row[: row.index("</tr>")]
    assert "A case is called positive from 0.25 on." in page
    alone = render_report(whole)
    assert "/parts/" not in alone
    assert "sequestra report --part" in alone


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("", "of the cases positive by the reference standard."),
        ("segmentation", "of the cases with a lesion."),
        ("ordinal", "of the cases positive by the label of the whole task."),
    ],
)
def test_the_head_says_what_a_positive_case_is(kind: str, said: str) -> None:
    assert said in render_report(replace(hand_made.released(), task=kind))


def test_a_figure_read_at_a_value_has_its_unit_after_the_value() -> None:
    found = figure("mean_nsd_at_tolerance_5")
    assert found.name == "Mean normalised surface distance, tolerance 5 mm"
    assert found.short == "NSD at 5 mm"
    assert figure("sensitivity_at_false_marks_0.5").short == "Sens. at 0.5 false marks"


def test_a_binary_report_says_nothing_of_parts() -> None:
    assert 'id="parts"' not in render_report(hand_made.released())


def test_the_site_shows_a_part_as_a_binary_report(whole: Release) -> None:
    listing = Listing(whole.benchmark, "Chest findings", "", "auroc")
    with (
        serving(create_app(lambda name: [whole], [listing])) as address,
        httpx.Client(base_url=address, timeout=None) as site,
    ):
        page = site.get("/submissions/s-0001/parts/Effusion")
        assert page.status_code == 200
        assert "<h1>DenseNet-121, 128 px: Effusion</h1>" in page.text
        assert 'href="/submissions/s-0001">all findings</a>' in page.text
        assert 'id="figure-roc"' in page.text
        missing = site.get("/submissions/s-0001/parts/effusion")
        assert missing.status_code == 404
        assert "no such part" in missing.text


def test_mlflow_and_the_filed_report_have_each_part(whole: Release) -> None:
    assert [(each.attribute, each.level) for each in parts(whole)] == [("part", "Effusion")]
    table = list(csv.DictReader(io.StringIO(artifacts.figures(whole))))
    own = [row for row in table if row["part"] == "Effusion"]
    assert len(own) == len(whole.results)
    assert len(table) == 2 * len(own)
    assert results.parts(whole) is not None
    assert results.parts(hand_made.released()) is None
