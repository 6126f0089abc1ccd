"""The [task] table: the kind of task, its outputs, and what a prediction may be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Give, OneOf, Text, Whole
from cohort_selection.benchmark_keys.reading import read_table

BINARY = "binary"
MULTILABEL = "multilabel"
MULTICLASS = "multiclass"
ORDINAL = "ordinal"
SCORE = "score"
KINDS = (BINARY, MULTILABEL, MULTICLASS, ORDINAL, SCORE)

OUTPUT = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LARGEST_GRADE = 1_000


class TaskError(ValueError):
    """The [task] table is not one that can be judged."""


@dataclass(frozen=True, slots=True)
class PredictionForm:
    """What the outputs of one case may be: numbers from ``lowest`` to ``highest`` (None: any).

    With ``of_classes`` the outputs are probabilities that sum to 1.
    """

    lowest: float | None = 0.0
    highest: float | None = 1.0
    of_classes: bool = False


PROBABILITY = PredictionForm()

_Name = Annotated[Text, Field(min_length=1)]


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
            "number on any scale, judged by how it ranks positive and negative cases alone"
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

    def __post_init__(self) -> None:
        """Refuse a table whose keys do not fit its kind."""
        for key in ("column", "findings", "classes", "highest", "cuts"):
            if getattr(self, key) and self.kind not in _KINDS_OF[key]:
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
        return PredictionForm(of_classes=self.kind == MULTICLASS)

    @property
    def gives_probabilities(self) -> bool:
        """Whether predictions are probabilities, which can be calibrated."""
        return self.kind not in (ORDINAL, SCORE)

    @property
    def has_targets(self) -> bool:
        """Whether the reference standard says more of a case than its label."""
        return self.kind not in (BINARY, SCORE)


_KINDS_OF = {
    "column": (MULTILABEL, MULTICLASS, ORDINAL),
    "findings": (MULTILABEL,),
    "classes": (MULTICLASS,),
    "highest": (ORDINAL,),
    "cuts": (ORDINAL,),
}

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
    twice = sorted({name for name in outputs if outputs.count(name) > 1} | {"case_id"} & {*outputs})
    if twice:
        raise ValueError(f"{key} has two names for the column {twice[0]!r}; rename one")


def read_task(table: Mapping[str, object], path: Path) -> Task:
    """Read the [task] table of the benchmark file at ``path``; raise TaskError."""
    return read_table(Task, table, path, "task", TaskError)
