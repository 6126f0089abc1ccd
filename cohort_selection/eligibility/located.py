"""Joins the cases with where their lesions lie, and puts out those where nobody knows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from cohort_selection.eligibility.criteria import Criteria, Selected, SelectionError, select
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.regions.annotated import AnnotationError, Annotations, regions_of
from cohort_selection.study_table.commons import Commons
from cohort_selection.task.declaration import Task


def of_commons(commons: Commons, criteria: Criteria) -> Selected:
    """Select the cases of a commons, with their regions where the task asks for them."""
    selected = select(commons, criteria)
    if criteria.task is None or not criteria.task.has_regions:
        return selected
    return located(selected, commons.kept_out(), criteria.task)


def located(selected: Selected, kept_out: Iterable[Path], task: Task) -> Selected:
    """Give the selected cases their regions.

    ``kept_out`` are the files of the commons that are no image: annotations are among them. Two
    rules follow the others in the flow. A case's pictures are one plane, or one volume, of known
    distances. And its label agrees with its annotations: a positive case without a region is not
    annotated, a negative one with a region contradicts itself, and neither says what is right. A
    negative case without an annotation is one without a lesion.

    Raises SelectionError for an annotation that cannot be used, or where no case is left.
    """
    cases = selected.cases
    try:
        annotations = Annotations.among(kept_out)
        found = [regions_of(case, annotations, task) for case in cases]
    except AnnotationError as error:
        raise SelectionError(f"{error}") from None
    unfit = [each.unfit for each in found if each.unfit]
    fit = np.array([not each.unfit for each in found])
    has_region = np.array([bool(each.regions) for each in found])
    agreeing = fit & (has_region == (cases.label == 1))
    flow = list(selected.flow)
    for rule, kept in (
        ("pictures are one plane or one volume", fit),
        ("label and annotations agree", agreeing),
    ):
        n, patients = np.count_nonzero(kept), len(np.unique(cases.patient[kept]))
        flow.append(FlowStep(rule, flow[-1].remaining - int(n), int(n), patients))
    if not cases.label[agreeing].any():
        reason = f"; the first of {len(unfit)} cases put out {unfit[0]}" if unfit else ""
        raise SelectionError(
            f"no positive case has a region: {len(annotations.of_study)} studies have a "
            f"segmentation or a structured report{reason}; check [task] structure, and that the "
            "annotations lie in the folder that was indexed"
        )
    regions = tuple(each.regions for each, kept in zip(found, agreeing, strict=True) if kept)
    return Selected(replace(cases.take(agreeing), regions=regions), tuple(flow))
