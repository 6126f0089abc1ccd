"""Names the population that a cohort's figures describe."""

from __future__ import annotations

from enum import StrEnum


class Estimand(StrEnum):
    """The population that the unweighted figures of a drawn cohort are of."""

    TARGET = "target"
    CASE_CONTROL = "case-control"
    POOL = "pool"

    @property
    def sentence(self) -> str:
        """One plain sentence for the steward and for the reader of a report.

        On balanced cases and controls: Janes & Pepe 2008, Biometrics 64; matching on an attribute
        changes the ROC curve that is estimated.
        """
        return _SENTENCES[self]


_SENTENCES = {
    Estimand.TARGET: (
        "the figures are those of the target population, as far as the cohort has its shares"
    ),
    Estimand.CASE_CONTROL: (
        "the figures need not be those of the target population: positives and negatives were "
        "given the same shares of each attribute, and in the population these may differ"
    ),
    Estimand.POOL: (
        "the cohort has no target: its figures are those of the pool, the patients who could be "
        "drawn"
    ),
}
