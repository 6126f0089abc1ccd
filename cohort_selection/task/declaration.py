"""The [task] table: the kind of task, its outputs, and what a prediction may be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Give, Number, OneOf, Text, Whole
from cohort_selection.benchmark_keys.reading import read_table

BINARY = "binary"
MULTILABEL = "multilabel"
MULTICLASS = "multiclass"
ORDINAL = "ordinal"
SCORE = "score"
SEGMENTATION = "segmentation"
LOCALISATION = "localisation"
KINDS = (BINARY, MULTILABEL, MULTICLASS, ORDINAL, SCORE, SEGMENTATION, LOCALISATION)
OF_REGIONS = (SEGMENTATION, LOCALISATION)
"""Kinds that ask where a lesion lies."""

MASKS, POINTS, BOXES = "masks", "points", "boxes"
INSIDE, NEAR, OVERLAP = "inside", "near", "overlap"
LEFT_OUT = "left out"
"""What a case with an empty mask counts where it does not count."""

OUTPUT = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LARGEST_GRADE = 1_000
_LARGEST_MM = 1_000_000


class TaskError(ValueError):
    """The [task] table is not one that can be judged."""


@dataclass(frozen=True, slots=True)
class PredictionForm:
    """What the outputs of one case may be: numbers from ``lowest`` to ``highest`` (None: any).

    With ``of_classes`` the outputs are probabilities that sum to 1. With ``regions``, which is
    ``MASKS``, ``POINTS`` or ``BOXES``, a case has any number of rows, each a region.
    """

    lowest: float | None = 0.0
    highest: float | None = 1.0
    of_classes: bool = False
    regions: str = ""


PROBABILITY = PredictionForm()

COLUMNS = {
    MASKS: ("sop_instance_uid", "frame", "runs"),
    POINTS: ("sop_instance_uid", "frame", "x", "y", "score"),
    BOXES: ("sop_instance_uid", "frame", "x", "y", "width", "height", "score"),
}
"""Columns of predictions.csv after case_id where a row is a region."""

_Name = Annotated[Text, Field(min_length=1)]
_Counted = Number | Text


def _counted(value: float | str | None) -> float | str | None:
    if value is None or value == LEFT_OUT or (not isinstance(value, str) and 0 <= value <= 1):
        return value
    raise ValueError


_COUNTED = AfterValidator(_counted)
_GIVE_COUNTED = Give(f'a number from 0 to 1, or "{LEFT_OUT}"')


@dataclass(frozen=True, slots=True)
class Task:
    """What a model gives for a case, and where the clinical table says what is right."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Annotated[
        Text,
        OneOf(KINDS),
        Field(
            description="`binary`: one probability; `multilabel`: a probability for each finding; "
            "`multiclass`: a probability for each class, of sum 1; `ordinal`: a grade; `score`: a "
            "number on any scale, judged by how it ranks positive and negative cases alone; "
            "`segmentation`: masks of lesions; `localisation`: marks on lesions, each with a score"
        ),
    ] = BINARY
    column: Annotated[
        Text,
        Absent("none"),
        Field(
            description="column of the clinical table: of the class or the grade. For "
            "`multilabel`, a column that lists the findings of a case; without it each finding "
            "has a column of its name"
        ),
    ] = ""
    findings: Annotated[
        tuple[_Name, ...],
        Give("a list of findings in quotes, two or more"),
        Field(description="for `multilabel`: the findings, in the order of the outputs"),
    ] = ()
    classes: Annotated[
        tuple[_Name, ...],
        Give("a list of classes in quotes, two or more"),
        Field(description="for `multiclass`: every class, as the column has it"),
    ] = ()
    lowest: Annotated[
        Whole, Field(ge=0, le=_LARGEST_GRADE, description="for `ordinal`: the lowest grade")
    ] = 0
    highest: Annotated[
        Whole,
        Absent("none"),
        Field(ge=0, le=_LARGEST_GRADE, description="for `ordinal`: the highest grade"),
    ] = 0
    cuts: Annotated[
        tuple[Whole, ...],
        Give("grades in rising order, as [4, 12]"),
        Field(
            description="for `ordinal`: grades from which a case counts as positive; each is "
            "reported as a binary task is"
        ),
    ] = ()
    uncertain: Annotated[
        Text,
        OneOf(("refuse", "positive", "negative", "unknown")),
        Field(description="for `multilabel`: what CheXpert's `-1` counts as"),
    ] = "refuse"
    blank: Annotated[
        Text,
        OneOf(("unknown", "negative")),
        Field(
            description="for `multilabel`: what an empty cell counts as. An unknown finding of a "
            "case is not scored"
        ),
    ] = "unknown"

    structure: Annotated[
        Text,
        Absent("all"),
        Field(
            description="for `segmentation` and `localisation`: the label or the coded type of the "
            "segments, or the finding of the report, that is the reference"
        ),
    ] = ""
    tolerances_mm: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=1000)], ...],
        Give("distances in mm, as [2.0, 5.0]"),
        Field(description="for `segmentation`: tolerances of the normalised surface distance"),
    ] = ()
    both_empty: Annotated[
        _Counted | None,
        _COUNTED,
        _GIVE_COUNTED,
        Absent("none; `segmentation` needs it"),
        Field(
            description="for `segmentation`: what a case counts in Dice, intersection over union "
            "and surface distance whose reference and mask are both empty: a number from 0 to 1, "
            'or `"left out"`'
        ),
    ] = None
    false_mask: Annotated[
        _Counted | None,
        _COUNTED,
        _GIVE_COUNTED,
        Absent("none; `segmentation` needs it"),
        Field(description="for `segmentation`: the same where the reference alone is empty"),
    ] = None
    missed_mask: Annotated[
        _Counted | None,
        _COUNTED,
        _GIVE_COUNTED,
        Absent("none; `segmentation` needs it"),
        Field(description="for `segmentation`: the same where the mask alone is empty"),
    ] = None
    distance_both_empty_mm: Annotated[
        Number | None,
        Absent("such cases are left out"),
        Field(
            ge=0,
            le=_LARGEST_MM,
            description="for `segmentation`: the distances of two empty masks, in mm",
        ),
    ] = None
    distance_penalty_mm: Annotated[
        Number | None,
        Absent("such cases are left out: distances then say nothing of missed lesions"),
        Field(
            ge=0,
            le=_LARGEST_MM,
            description="for `segmentation`: the distances of a false or missed mask",
        ),
    ] = None
    hit: Annotated[
        Text,
        OneOf(("", INSIDE, NEAR, OVERLAP)),
        Absent("none; `localisation` needs it"),
        Field(
            description="for `localisation`: when a mark is on a lesion. `inside`: it lies in the "
            "lesion's mask or box; `near`: at most `within_mm` from its centre; `overlap`: marks "
            "are boxes, and share at least `least_iou` of their union with the lesion's"
        ),
    ] = ""
    within_mm: Annotated[
        Number, Absent("none"), Field(ge=0, le=1000, description='for `hit = "near"`, in mm')
    ] = 0.0
    least_iou: Annotated[
        Number, Absent("none"), Field(ge=0, le=1, description='for `hit = "overlap"`')
    ] = 0.0
    rates: Annotated[
        tuple[Annotated[Number, Field(gt=0, le=1000)], ...],
        Give("numbers of false marks a case above 0, as [0.125, 0.25, 0.5, 1.0]"),
        Field(
            description="for `localisation`: false marks a case at which the sensitivity for "
            "lesions is read"
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse a table whose keys do not fit its kind."""
        for key in _KINDS_OF:
            given = getattr(self, key)
            if given != _DEFAULT[key] and self.kind not in _KINDS_OF[key]:
                raise ValueError(
                    f"{key} is for {' and '.join(_KINDS_OF[key])}, and kind is "
                    f"{self.kind!r}; leave it out"
                )
        if self.kind in (MULTICLASS, ORDINAL) and not self.column:
            raise ValueError(
                f"kind is {self.kind!r} and column is not given; name the column of "
                f"the {'class' if self.kind == MULTICLASS else 'grade'}"
            )
        for key, kind in (("findings", MULTILABEL), ("classes", MULTICLASS)):
            if self.kind == kind:
                _refuse_names(key, getattr(self, key))
        if self.kind == ORDINAL:
            self._refuse_grades()
        if self.kind == SEGMENTATION:
            self._refuse_no_rule()
        if self.kind == LOCALISATION:
            self._refuse_no_matching()

    def _refuse_no_rule(self) -> None:
        for key in ("both_empty", "false_mask", "missed_mask"):
            if getattr(self, key) is None:
                raise ValueError(
                    f"kind is {SEGMENTATION!r} and {key} is not given, which decides who ranks "
                    f'first; give a number from 0 to 1, or "{LEFT_OUT}"'
                )
        if list(self.tolerances_mm) != sorted(set(self.tolerances_mm)):
            raise ValueError(f"tolerances_mm are {list(self.tolerances_mm)}; give them rising")

    def _refuse_no_matching(self) -> None:
        if not self.hit:
            raise ValueError(
                f"kind is {LOCALISATION!r} and hit is not given; say when a mark is on a lesion: "
                f'"{INSIDE}", "{NEAR}" or "{OVERLAP}"'
            )
        for key, of in (("within_mm", NEAR), ("least_iou", OVERLAP)):
            if (getattr(self, key) > 0) != (self.hit == of):
                raise ValueError(
                    f"hit is {self.hit!r} and {key} is {getattr(self, key):g}; {key} belongs to "
                    f'hit = "{of}", and must be above 0 there'
                )
        if not self.rates or list(self.rates) != sorted(set(self.rates)):
            raise ValueError(
                f"rates are {list(self.rates)}; give numbers of false marks a case, rising, as "
                "[0.125, 0.25, 0.5, 1.0]"
            )

    def _refuse_grades(self) -> None:
        if self.highest <= self.lowest:
            raise ValueError(
                f"lowest is {self.lowest} and highest {self.highest}; give the ends of the scale, "
                "the lowest first"
            )
        inner = range(self.lowest + 1, self.highest + 1)
        if list(self.cuts) != sorted(set(self.cuts)) or any(c not in inner for c in self.cuts):
            raise ValueError(
                f"cuts are {list(self.cuts)}; give grades from {self.lowest + 1} to "
                f"{self.highest}, rising"
            )

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns of predictions.csv after the case's id; each output has a target."""
        if self.kind in OF_REGIONS:
            return COLUMNS[self.form.regions]
        names = {MULTILABEL: self.findings, MULTICLASS: self.classes}.get(self.kind)
        if names is None:
            return {BINARY: ("probability",), ORDINAL: ("grade",), SCORE: ("score",)}[self.kind]
        return tuple(output_of(name) for name in names)

    @property
    def form(self) -> PredictionForm:
        """What a prediction may be."""
        if self.kind == ORDINAL:
            return PredictionForm(float(self.lowest), float(self.highest))
        if self.kind == SCORE:
            return PredictionForm(None, None)
        if self.kind == SEGMENTATION:
            return PredictionForm(regions=MASKS)
        if self.kind == LOCALISATION:
            return PredictionForm(regions=BOXES if self.hit == OVERLAP else POINTS)
        return PredictionForm(of_classes=self.kind == MULTICLASS)

    @property
    def gives_probabilities(self) -> bool:
        """Whether predictions are probabilities, which can be calibrated."""
        return self.kind not in (ORDINAL, SCORE)

    @property
    def has_targets(self) -> bool:
        """Whether the reference standard says more of a case than its label."""
        return self.kind not in (BINARY, SCORE, *OF_REGIONS)

    @property
    def has_regions(self) -> bool:
        """Whether the reference standard says where the lesions of a case lie."""
        return self.kind in OF_REGIONS


_KINDS_OF: dict[str, tuple[str, ...]] = {
    "column": (MULTILABEL, MULTICLASS, ORDINAL),
    "findings": (MULTILABEL,),
    "classes": (MULTICLASS,),
    "highest": (ORDINAL,),
    "cuts": (ORDINAL,),
    "structure": OF_REGIONS,
    **dict.fromkeys(("tolerances_mm", "both_empty", "false_mask", "missed_mask"), (SEGMENTATION,)),
    **dict.fromkeys(("distance_both_empty_mm", "distance_penalty_mm"), (SEGMENTATION,)),
    **dict.fromkeys(("hit", "within_mm", "least_iou", "rates"), (LOCALISATION,)),
}
_DEFAULT = {field.name: field.default for field in fields(Task)}

ONE_PROBABILITY = Task()
"""The task of a benchmark that declares none."""


def output_of(name: str) -> str:
    """The output of a finding or class: small letters, digits and ``_``."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def _refuse_names(key: str, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise ValueError(f"{key} has {len(names)} names; give two or more")
    outputs = [output_of(name) for name in names]
    odd = [
        name for name, output in zip(names, outputs, strict=True) if not OUTPUT.fullmatch(output)
    ]
    if odd:
        raise ValueError(
            f"{key} has {odd[0]!r}, which makes no name of a column; begin it with a letter, and "
            "use letters of the English alphabet"
        )
    often = {name for name, times in Counter(outputs).items() if times > 1}
    twice = sorted(often | {"case_id"} & {*outputs})
    if twice:
        raise ValueError(f"{key} has two names for the column {twice[0]!r}; rename one")


def read_task(table: Mapping[str, object], path: Path) -> Task:
    """Read the [task] table of the benchmark file at ``path``; raise TaskError."""
    return read_table(Task, table, path, "task", TaskError)
