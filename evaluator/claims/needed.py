"""Says how many cases would show a claim that was not shown, if the value seen were the truth."""

from __future__ import annotations

from functools import lru_cache

from metrics.claims.claim import Bound, Part
from metrics.planning.needed_cases import needed as needed_cases
from metrics.planning.saw_tooth import MOST

POWER = 0.8


@lru_cache(maxsize=1024)
def needed(part: Part, bound: Bound) -> str:
    """The number in words, at the level of the bound; empty where nothing can be said.

    The truth is taken to be the figure that was found, with as many negatives for a positive as
    here. A claim against a comparator has none, nor has one on patients with several cases: one
    figure does not tell how they vary.
    """
    positive, negative = bound.n_positive, bound.n_cases - bound.n_positive
    if part.comparator is not None or bound.n_patients != bound.n_cases:
        return ""
    if not (positive and negative and 0.0 < bound.value < 1.0):
        return ""
    of = "negatives" if part.figure == "specificity" else "positives"
    truth = f"if the truth is {bound.value:.3f}"
    beyond = part.goal - bound.value if part.upper else bound.value - part.goal
    if beyond <= 0.0:
        return f"no number of cases would show it {truth}"
    ratio = negative / positive
    needed_number = needed_cases(
        part, bound.value, bound.level, power=POWER, negatives_per_positive=ratio
    )
    if needed_number is None:
        return f"more than {MOST:,} {of} would be needed {truth}"
    number = needed_number.negatives if of == "negatives" else needed_number.positives
    words = f"{number:,} {of}" if needed_number.exact else f"about {number:,} {of}"
    if part.figure == "auroc":
        words += f", with {ratio:.2g} negatives for each,"
    return f"{words} would show it with power {POWER:g} {truth}"
