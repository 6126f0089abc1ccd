"""The studies that rules leave, and the flow of those that they do not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cohort_selection.coded import met, order_of
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.eligibility.rules import Rule, numbers
from cohort_selection.study_table.commons import Commons, Known


class SelectionError(ValueError):
    """The commons does not hold what the criteria ask for."""


class Sieve:
    """The studies of ``commons`` that the rules have left so far, and the flow.

    ``left`` are their places in the commons.
    """

    def __init__(self, commons: Commons) -> None:
        """Begin with every study."""
        self.commons = commons
        owners = commons.patients()
        self._patient: NDArray[np.int32] = owners.indices.to_numpy()
        self._patients = owners.dictionary
        self._uids: pa.LargeStringArray | None = None
        self.left: NDArray[np.int64] = np.arange(commons.n_studies)
        n_patients = int(self._occurring().sum())
        self.flow = [FlowStep("studies in the catalog", 0, commons.n_studies, n_patients)]

    def keep(
        self, rule: str, holds: NDArray[np.bool_], unknown: NDArray[np.bool_] | None = None
    ) -> None:
        """Keep the studies for which a rule holds; ``unknown`` marks others that do not say.

        Both are (studies of the commons,).
        """
        held = holds[self.left]
        uncertain = 0 if unknown is None else np.count_nonzero(unknown[self.left])
        n = len(self.left)
        self.left = self.left[held]
        if self._uids is not None:
            self._uids = self._uids.filter(pa.array(held))
        kept, patients = len(self.left), int(self._occurring().sum())
        self.flow.append(FlowStep(rule, n - kept, kept, patients, int(uncertain)))

    def keep_known(self, rule: str, known: NDArray[np.bool_]) -> None:
        """Keep the studies that say something."""
        self.keep(rule, known, ~known)

    def obey(self, rule: Rule) -> None:
        """Keep the studies that a rule of the benchmark keeps."""
        known = self.commons.known(rule.field)
        self._refuse_words(rule, known)
        verdicts = [rule.keeps(values) for values in known.values]
        holds = np.array([verdict is True for verdict in verdicts], np.bool_)
        unknown = np.array([verdict is None for verdict in verdicts], np.bool_)
        self.keep(str(rule), holds[known.codes], unknown[known.codes])

    def sort(self) -> None:
        """Put the studies that are left in order of their UIDs."""
        if self._uids is None:
            uids = self.commons.study_uids().take(pa.array(self.left))
            order = order_of(uids)
            self._uids, self.left = uids.take(pa.array(order)), self.left[order]

    def identities(self) -> tuple[pa.LargeStringArray, NDArray[np.int32], pa.LargeStringArray]:
        """UIDs in order, the patient of each study left, and the patients' ids in order."""
        self.sort()
        there = self._occurring()
        number = np.cumsum(there, dtype=np.int32) - np.int32(1)
        ids = self._patients.filter(pa.array(there))
        return self._uids, number[self._patient[self.left]], ids

    def _occurring(self) -> NDArray[np.bool_]:
        there = np.zeros(len(self._patients), np.bool_)
        there[self._patient[self.left]] = True
        return there

    def _refuse_words(self, rule: Rule, known: Known) -> None:
        """Refuse a rule on numbers where the field never holds one."""
        if not rule.numeric:
            return
        there = np.flatnonzero(np.bincount(known.codes[self.left])).tolist()
        said = {text for code in there for text in known.values[code].texts}
        if said and not any(numbers(text) for text in said):
            self.sort()
            texts: Counter[str] = Counter()
            for code, n in met(known.codes[self.left]).items():
                for text in known.values[code].texts:
                    texts[text] += n
            text, n = texts.most_common(1)[0]
            raise SelectionError(
                f"the rule {str(rule)!r} compares numbers, but {rule.field} holds none: it is "
                f"{text!r} in {n} of {len(self.left)} studies; test it with is or matches"
            )
