"""What a submission answered, as a comparison needs it: one score a case, or a kind of task's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evaluator.comparing.alike import few_called_otherwise, scales
from evaluator.probing.set_apart import depends_on_threshold
from evaluator.tasks.judged import KINDS
from evaluator.tasks.kinds import Judged
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures, whole_group
from evaluator.tasks.weighed import NO_PATTERN, Weigh, Weighed
from metrics.arrays import Bools, Floats
from metrics.comparison.influences import Measured
from metrics.estimate import Estimate
from metrics.figure_name import FigureName
from metrics.group import Group, part_of


@dataclass(frozen=True, slots=True)
class OneScore:
    """A score (cases,), called positive from ``threshold`` on, and the figure compared."""

    scores: Floats
    threshold: float
    figure: FigureName

    def weighed(self, inside: Bools) -> Weighed:
        """What the figure weighs of the cases ``inside`` (cases,)."""
        return Weighed(scales(self.scores[inside], self.figure), NO_PATTERN)

    def few_called_otherwise(self, other: OneScore, inside: Bools, minimum: int) -> bool:
        """Whether few cases are called otherwise, where the figure is of calls."""
        return depends_on_threshold(self.figure) and few_called_otherwise(
            (self.scores[inside], self.threshold), (other.scores[inside], other.threshold), minimum
        )


@dataclass(frozen=True)
class OfKind:
    """The answers of a task of several outputs, of grades or of regions."""

    given: ScoredCases
    by: Judged
    figure: FigureName

    def weighed(self, inside: Bools) -> Weighed:
        """What the figure weighs of the cases ``inside`` (cases,); of regions what each adds."""
        found = self._weigh(np.flatnonzero(inside))
        if not self.by.task.has_regions:
            return found
        measured = self.measured(inside, team="", best_of=1)
        value = measured.estimate.value
        if value is None or measured.influence is None:
            return found
        adds = measured.influence + value / np.count_nonzero(inside)
        return replace(found, numbers=np.concatenate([found.numbers, adds[None, :]]))

    def measured(self, inside: Bools, *, team: str, best_of: int) -> Measured:
        """The figure of the cases ``inside`` (cases,), and how far each moves it."""
        group, places = self.group(inside), np.flatnonzero(inside)
        name = str(self.figure)

        def at(confidence: float) -> Estimate:
            return self._measures.figures(places, group, confidence)[name]

        moved: Mapping[str, Floats] = self._measures.influences(places, group)
        return Measured(
            estimate=at(self.by.plan.confidence),
            at=at,
            influence=moved.get(name),
            team=team,
            best_of=best_of,
        )

    def group(self, inside: Bools) -> Group:
        """The cases ``inside`` (cases,) with labels, patients and design."""
        return self._whole if inside.all() else part_of(self._whole, inside)

    @cached_property
    def _whole(self) -> Group:
        places = np.arange(self.given.labels.size)
        return whole_group(self.given, places, self.by.plan.sampling_design)

    @cached_property
    def _measures(self) -> Measures:
        measures = KINDS[self.by.task.kind].measures
        assert measures is not None  # one score is compared as such
        return measures(self.given, self.by)

    @cached_property
    def _weigh(self) -> Weigh:
        weighs = KINDS[self.by.task.kind].weighs
        assert weighs is not None
        return weighs(self.given, self.by, self.figure)
