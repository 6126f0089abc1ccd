"""Joins the cases with where their lesions lie, and puts out those where nobody knows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cohort_selection.eligibility.criteria import Criteria, Selected, SelectionError, select
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.regions.annotated import AnnotationError, Annotations, regions_of
from cohort_selection.task.declaration import Task

if TYPE_CHECKING:
    from cohort_selection.catalog.catalog import Catalog


def of_commons(commons: Catalog, criteria: Criteria) -> Selected:
    """Select the cases of a commons, with their regions where the task asks for them."""
    selected = select(commons.studies, commons.records, criteria)
    if criteria.task is None or not criteria.task.has_regions:
        return selected
    return located(selected, (each.path for each in commons.quarantined), criteria.task)


def located(selected: Selected, kept_out: Iterable[Path], task: Task) -> Selected:
    """Give the selected cases their regions.

    ``kept_out`` are the files of the commons that are no image: annotations are among them. Two
    rules follow the others in the flow. A case's pictures are one plane, or one volume, of known
    distances. And its label agrees with its annotations: a positive case without a region is not
    annotated, a negative one with a region contradicts itself, and neither says what is right. A
    negative case without an annotation is one without a lesion.

    Raises SelectionError for an annotation that cannot be used, or where no case is left.
    """
    flow, cases, unfit = list(selected.flow), [], []
    try:
        annotations = Annotations.among(kept_out)
        for case in selected.cases:
            found = regions_of(case, annotations, task)
            if found.unfit:
                unfit.append(found.unfit)
            else:
                cases.append(replace(case, regions=found.regions))
    except AnnotationError as error:
        raise SelectionError(f"{error}") from None
    agreeing = tuple(case for case in cases if bool(case.regions) == bool(case.label))
    for rule, before, after in (
        ("pictures are one plane or one volume", selected.cases, cases),
        ("label and annotations agree", cases, agreeing),
    ):
        patients = len({case.patient_id for case in after})
        flow.append(FlowStep(rule, len(before) - len(after), len(after), patients))
    if not any(case.label for case in agreeing):
        reason = f"; the first of {len(unfit)} cases put out {unfit[0]}" if unfit else ""
        raise SelectionError(
            f"no positive case has a region: {len(annotations.of_study)} studies have a "
            f"segmentation or a structured report{reason}; check [task] structure, and that the "
            "annotations lie in the folder that was indexed"
        )
    return replace(selected, cases=agreeing, flow=tuple(flow))
