"""The parts of a task in the report of the whole: findings, classes, grades counted as positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL
from evaluator.disclosure.control import Release, ReleasedPart
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.glossary import Figure, figure
from evaluator.leaderboard.drawing import bars
from evaluator.leaderboard.templating.environment import environment
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate

ANCHOR = "parts"
AREA = "auroc"
BESIDE = ("average_precision", "sensitivity", "specificity")
"""Figures beside the area of each part."""
_WORDS = {
    MULTILABEL: ("Findings", "Each finding against its absence, on the cases where it is known."),
    MULTICLASS: ("Classes", "Each class against all others."),
    ORDINAL: (
        "Grades",
        "This grade and above count as positive; the model's grade ranks the cases.",
    ),
}
_OTHER = ("Parts", "Each part of the task by itself.")


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part; ``reason`` stands in place of its figures where none is shown."""

    name: str
    address: str
    n_cases: int
    n_positive: int | None
    reason: str
    area: Estimate | None
    bar: Markup
    estimates: tuple[Estimate | None, ...]


def heading_of(task: str) -> str:
    """What the parts of a kind of task are called."""
    return _WORDS.get(task, _OTHER)[0]


def columns(release: Release) -> tuple[str, ...]:
    """The figures beside the area that any part has."""
    shown = {
        result.metric
        for part in release.parts
        for result in part.results
        if result.group == OVERALL and result.estimate.value is not None
    }
    return tuple(name for name in BESIDE if name in shown)


def rows(release: Release) -> tuple[list[PartRow], bars.Axis | None]:
    """A row for each part, and the axis that their bars share."""
    areas = [release.of_part(part.name).find(AREA) for part in release.parts]
    shared = bars.axis([area for area in areas if area is not None])
    names = columns(release)
    found = [
        _row(release, part, area, shared, names)
        for part, area in zip(release.parts, areas, strict=True)
    ]
    return found, shared


def _row(
    release: Release,
    part: ReleasedPart,
    area: Estimate | None,
    shared: bars.Axis | None,
    names: Sequence[str],
) -> PartRow:
    of = release.of_part(part.name)
    reason = ""
    if area is None:
        held = [each.reason for each in part.withheld if (each.attribute, each.level) == OVERALL]
        reason = held[0] if held else INSUFFICIENT
    elif area.value is None:
        reason = area.undefined or INSUFFICIENT
    return PartRow(
        name=part.name,
        address=f"/submissions/{quote(release.submission_id, safe='')}/parts/"
        f"{quote(part.name, safe='')}",
        n_cases=part.n_cases,
        n_positive=part.n_positive,
        reason=reason,
        area=area,
        bar=bars.bar(area, shared) if area is not None else Markup(""),
        estimates=tuple(of.find(name) for name in names),
    )


def parts_block(release: Release, *, confidence: str, linked: bool) -> Markup:
    """The table as HTML, empty for a task without parts; ``linked`` to the report of each part."""
    if not release.parts:
        return Markup("")
    found, shared = rows(release)
    name, sentence = _WORDS.get(release.task, _OTHER)
    about: Figure = figure(AREA)
    page = environment().get_template("parts.html")
    return Markup(
        page.render(
            anchor=ANCHOR,
            heading=name,
            sentence=sentence,
            confidence=confidence,
            area=about,
            axis=bars.scale(shared),
            columns=[figure(each) for each in columns(release)],
            rows=found,
            linked=linked,
            threshold=_threshold(release),
        )
    )


def _threshold(release: Release) -> float | None:
    """The operating point that all parts share; None where each has its own."""
    found = {part.threshold for part in release.parts}
    return found.pop() if len(found) == 1 else None
