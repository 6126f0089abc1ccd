"""Real scores of a retrained CheXNet: one number each, wherever a reader may meet it.

J. Zech's predictions on the NIH test split (22,433 images of 6,187 patients), a finding at a time
as a benchmark of its own, clustered by patient. Expected values come from ``metrics`` and from the
table; page, JSON, CSV, MLflow and the text of the PDF must say them.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from evaluator.disclosure.control import Release, release
from evaluator.disclosure.rule import Disclosure
from evaluator.filing.filed import filed
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.score import AnalysisPlan
from evaluator.scoring.score_tables import score_tables
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from evaluator.tracking.artifacts import figures
from evaluator.tracking.mlflow_runs import track
from metrics.discrimination.curves import auroc, average_precision
from metrics.discrimination.delong import auroc_estimate
from submissions.submission import State, Submission
from tests.support.filed_home import publish, seal
from tests.support.pdf_files import text_of

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]

FINDINGS = (
    *("Effusion", "Hernia", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Emphysema"),
    *("Fibrosis", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia"),
    "Pneumothorax",
)
THRESHOLD = 0.1
SEX = {"F": "Female", "M": "Male"}
RULE = Disclosure()
PLAN = AnalysisPlan(
    subgroups=("sex", "age", "view"),
    intersections=(("sex", "age"),),
    primary_gap=("auroc", "sex"),
    replicates=0,
    smooth_calibration="none",
)
Group = tuple[str, str]


@dataclass(frozen=True)
class Table:
    """The columns that are compared with, read without the project's own reader."""

    y: np.ndarray
    scores: np.ndarray
    patient: np.ndarray
    groups: dict[Group, np.ndarray]


@cache
def rows_of(place: Path) -> list[dict[str, str]]:
    with gzip.open(place, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def table_of(place: Path, finding: str) -> Table:
    """Read a finding's columns by the standard library alone."""
    rows = rows_of(place)
    sex = np.array([SEX[row["sex"]] for row in rows])
    view = np.array([row["view"] for row in rows])
    age = np.array([int(row["age"]) for row in rows])
    band = np.select([age < 40, age < 60, age < 80], ["0-39", "40-59", "60-79"], "80+")
    groups: dict[Group, np.ndarray] = {("overall", "all"): np.ones(len(rows), bool)}
    for name, values in (("sex", sex), ("view", view), ("age_group", band)):
        groups |= {(name, level): values == level for level in np.unique(values)}
    for first in np.unique(sex):
        for second in np.unique(band):
            both = (sex == first) & (band == second)
            groups["sex x age_group", f"{first} x {second}"] = both
    _, patient = np.unique([row["patient_id"] for row in rows], return_inverse=True)
    return Table(
        y=np.array([row[finding] == "1" for row in rows]),
        scores=np.array([float(row[f"prob_{finding}"]) for row in rows]),
        patient=patient,
        groups=groups,
    )


def released_of(place: Path, findings: Sequence[str]) -> list[Release]:
    """Each finding as a benchmark of its own, after disclosure control."""
    scored = score_tables(
        *(place, place, PLAN),
        labels=tuple(findings),
        threshold=THRESHOLD,
        age_bands=(0, 40, 60, 80),
    )
    made = []
    for finding in findings:
        name = finding.lower().replace("_", "-")
        submission = Submission(
            submission_id=f"chexnet-{name}",
            team="Zech",
            model="CheXNet, retrained",
            benchmark=f"nih-{name}",
            image_digest="sha256:" + "1f" * 32,
            threshold=THRESHOLD,
            state=State.RELEASED,
            received=datetime(2026, 1, 3, 9, 30, tzinfo=UTC),
        )
        cohort = "sha256:" + "c0" * 32
        made.append(
            release(scored[finding], submission=submission, cohort_digest=cohort, rule=RULE)
        )
    return made


def words(page: str) -> str:
    """The text of a page without styles, scripts and drawings."""
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def places(value: float) -> int:
    """Decimals that a released value carries."""
    return len(f"{value!r}".partition(".")[2])


@contextmanager
def own_home(folder: Path) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")
        patch.delenv("SEQUESTRA_LEDGER", raising=False)
        yield Installation(folder)


def walk(place: Path, findings: Sequence[str], folder: Path) -> int:
    """Hold every reader's number of each finding against the metrics'; how many were compared."""
    from mlflow import MlflowClient

    compared = 0
    with own_home(folder) as installation:
        ledger = installation.ledger()
        made = released_of(place, findings)
        for found in made:
            seal(ledger, found.benchmark)
            publish(installation, ledger, found, sheet=None)
        sign(installation, ledger)
        client = MlflowClient(tracking_uri=installation.tracking_uri)
        for finding, found, published in zip(findings, made, ledger.releases(), strict=True):
            run = client.get_run(track(published, installation))
            compared += hold(
                table_of(place, finding),
                found,
                document=json.loads(published.document),
                page=words(render_report(found)),
                rows=list(csv.DictReader(io.StringIO(figures(found)))),
                metrics=run.data.metrics,
                pdf=text_of(filed(installation, ledger, found.submission_id).pdf),
            )
        ledger.close()
    return compared


def hold(
    table: Table,
    found: Release,
    *,
    document: dict[str, list[dict[str, object]]],
    page: str,
    rows: list[dict[str, str]],
    metrics: dict[str, float],
    pdf: str,
) -> int:
    """Every shown AUROC and its bounds, and four figures over all cases."""
    stored = {
        (each["metric"], each["attribute"], each["level"]): each["estimate"]
        for each in document["results"]
    }
    listed = {(row["figure"], row["attribute"], row["level"]): row for row in rows}
    for (metric, *group), expected in expected_of(table, found).items():
        estimate = found.find(metric, *group)
        assert estimate is not None
        assert estimate.value is not None
        assert abs(estimate.value - expected[0]) <= 0.5 * 10 ** -places(estimate.value) + 1e-12
        json_says = stored[metric, group[0], group[1]]
        assert isinstance(json_says, dict)
        assert json_says["value"] == estimate.value
        assert float(listed[metric, group[0], group[1]]["value"]) == estimate.value
        if len(expected) == 3:
            assert estimate.low is not None
            assert estimate.high is not None
            # Bounds are rounded outward, by less than one unit of their last decimal.
            unit = 10.0 ** -max(places(estimate.low), places(estimate.high))
            assert expected[1] - unit - 1e-12 <= estimate.low <= expected[1] + 1e-12
            assert expected[2] - 1e-12 <= estimate.high <= expected[2] + unit + 1e-12
            assert (json_says["low"], json_says["high"]) == (estimate.low, estimate.high)
        written = numbers.value(estimate)
        assert written in page
        assert written in pdf
        if numbers.interval(estimate):
            assert numbers.interval(estimate) in pdf
        name = metric if group == ["overall", "all"] else f"{metric}/{'/'.join(group)}"
        name = name.replace("80+", "80 plus")
        if " x " not in name:
            assert metrics[name] == estimate.value
    return len(expected_of(table, found))


def expected_of(table: Table, found: Release) -> dict[tuple[str, str, str], tuple[float, ...]]:
    """The figures by ``metrics`` and by counting, of what the release shows."""
    y, s = table.y, table.scores
    everyone = ("overall", "all")
    made: dict[tuple[str, str, str], tuple[float, ...]] = {
        ("average_precision", *everyone): (average_precision(y, s),),
        ("brier", *everyone): (float(np.mean((s - y) ** 2)),),
        ("sensitivity", *everyone): (float(np.mean(s[y] >= THRESHOLD)),),
        ("specificity", *everyone): (float(np.mean(s[~y] < THRESHOLD)),),
    }
    for (attribute, level), mask in table.groups.items():
        shown = found.find("auroc", attribute, level)
        if shown is None or shown.value is None:
            continue
        exact = auroc_estimate(y[mask], s[mask], table.patient[mask])
        assert exact.value == pytest.approx(auroc(y[mask], s[mask]), abs=1e-12)
        assert exact.low is not None
        assert exact.high is not None
        made["auroc", attribute, level] = (float(exact.value or 0.0), exact.low, exact.high)
    return made


def test_two_findings_say_the_same_number_everywhere(shared_data: Path, tmp_path: Path) -> None:
    place = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    # 1 of all, 2 sexes, 2 views, 4 ages, 8 crossed and four other figures make 21; the oldest are
    # few, and Hernia has 42 positive cases.
    assert walk(place, FINDINGS[:2], tmp_path) >= 19 + 9


@pytest.mark.validator
@pytest.mark.timeout(3600)
def test_fourteen_findings_say_the_same_numbers_everywhere(
    shared_data: Path, tmp_path: Path
) -> None:
    place = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    assert walk(place, FINDINGS, tmp_path) > 14 * 12
