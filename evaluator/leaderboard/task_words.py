"""What a kind of task asks of a model, and how its regions are judged, in words."""

from __future__ import annotations

from cohort_selection.task.declaration import (
    BINARY,
    BOXES,
    INSIDE,
    LEFT_OUT,
    LOCALISATION,
    MULTICLASS,
    MULTILABEL,
    NEAR,
    ORDINAL,
    SCORE,
    SEGMENTATION,
    Task,
)


def given_of(task: Task) -> str:
    """What a model gives for a case."""
    lesions = task.structure or "all annotated structures"
    marks = "boxes" if task.form.regions == BOXES else "points"
    return {
        BINARY: "the probability that the case is positive",
        SCORE: "a number on any scale, judged by how it ranks positive and negative cases",
        MULTILABEL: f"a probability for each finding: {', '.join(task.findings)}",
        MULTICLASS: f"a probability for each class, of sum 1: {', '.join(task.classes)}",
        ORDINAL: f"a grade from {task.lowest} to {task.highest} ({task.column})",
        SEGMENTATION: f"masks of {lesions}",
        LOCALISATION: f"marks ({marks}) on {lesions}, each with a score",
    }[task.kind]


def rules_of(task: Task) -> list[tuple[str, str]]:
    """The rules by which masks or marks are judged; none for other kinds."""
    if task.kind == LOCALISATION:
        return [("A mark is on a lesion", _hit(task))]
    if task.kind != SEGMENTATION:
        return []
    empty = (
        ("both masks empty", task.both_empty),
        ("reference empty", task.false_mask),
        ("nothing drawn on a lesion", task.missed_mask),
    )
    overlap = "; ".join(f"{name}: {_counted(value)}" for name, value in empty)
    penalty = task.distance_penalty_mm
    distance = "left out, also where a lesion was missed"
    if penalty is not None:
        distance = f"{penalty:g} mm where one of both is empty"
    return [("Empty masks in overlaps", overlap), ("Empty masks in distances", distance)]


def _hit(task: Task) -> str:
    if task.hit == INSIDE:
        return "where it lies inside the lesion's mask or box"
    if task.hit == NEAR:
        return f"at most {task.within_mm:g} mm from its centre"
    return f"where both boxes share at least {task.least_iou:g} of their union"


def _counted(value: float | str | None) -> str:
    return LEFT_OUT if value is None or isinstance(value, str) else f"{value:g}"
