"""Writes scores of the user's own predictions: JSON, CSV and HTML, nothing withheld."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from evaluator.claims.verdict import StudyVerdict
from evaluator.disclosure.control import release
from evaluator.disclosure.rule import Disclosure
from evaluator.leaderboard.reports.footing import OWN_SCORES
from evaluator.leaderboard.reports.report import PRIMARY, render_report
from evaluator.scoring.results import Evaluation, as_mapping
from submissions.submission import State, Submission

NOTHING_WITHHELD = Disclosure(minimum_cell=1, count_step=1, maximum_digits=6, roc_step=0.025)
"""The data are the reader's own: there is nobody to protect them from."""


_COLUMNS = (
    *("label", "metric", "attribute", "level", "value", "low", "high"),
    *("n_cases", "n_patients", "n_positive", "method", "undefined"),
)


def write_json(
    found: Mapping[str, Evaluation], path: Path, judged: StudyVerdict | None = None
) -> None:
    """Write every evaluation by its label, whole or not at all; with the ``judged`` claims."""
    verdict = {} if judged is None else {"verdict": judged.as_document()}
    documents = {label: as_mapping(each) | verdict for label, each in found.items()}
    write_bytes(path, json.dumps(documents, indent=1, default=as_mapping).encode())


def write_csv(found: Mapping[str, Evaluation], path: Path) -> None:
    """Write one row a figure, whole or not at all; undefined values are empty and say why."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for label, scored in found.items():
        for result in scored.results:
            estimate = as_mapping(result.estimate)
            figures = ["" if estimate[name] is None else estimate[name] for name in _COLUMNS[4:]]
            rows.writerow([label, result.metric, result.attribute, result.level, *figures])
    write_bytes(path, text.getvalue().encode())


def _file_names(labels: Iterable[str]) -> dict[str, str]:
    """Each label as part of a file's name: no slash or the like, and no two alike."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        plain = re.sub(r"[^\w.()+-]+", "-", label).strip("-.")[:100] or "label"
        name, number = plain, 1
        while name.casefold() in taken:  # some file systems know no capitals
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        names[label] = name
    return names


def write_reports(
    found: Mapping[str, Evaluation],
    path: Path,
    primary: str = PRIMARY,
    verdict: StudyVerdict | None = None,
) -> tuple[Path, ...]:
    """Write one HTML report a label; with several, the label is put into the file's name.

    ``primary`` is the plan's primary figure, which heads each of them. ``verdict`` is that of the
    reader's own claims, if any.
    """
    written = []
    names = _file_names(found)
    for label, scored in found.items():
        place = path
        if len(found) > 1:
            place = path.with_name(f"{path.stem}-{names[label]}{path.suffix}")
        submission = Submission(
            submission_id=OWN_SCORES,
            team=OWN_SCORES,
            model=label,
            benchmark=OWN_SCORES,
            image_digest="none",
            threshold=0.5 if scored.threshold is None else scored.threshold,
            state=State.RELEASED,
            received=datetime.now(UTC),
        )
        shown = release(scored, submission=submission, cohort_digest="none", rule=NOTHING_WITHHELD)
        shown = replace(shown, verdict=verdict)
        write_bytes(place, render_report(shown, title=label, primary=primary).encode())
        written.append(place)
    return tuple(written)
