"""How many cases would show a claim that was not shown, if the truth were what was found."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log
from statistics import NormalDist

from metrics.claims.claim import Bound, Part
from metrics.planning.proportions import power
from metrics.planning.saw_tooth import MOST, first_always

POWER = 0.8
_NORMAL = NormalDist()


@lru_cache(maxsize=1024)
def needed(part: Part, bound: Bound) -> str:
    """The number in words, at the level of the bound; empty where nothing can be said.

    The truth is taken to be the figure that was found. A proportion is exact: the first number
    from which every larger one has the power. For an AUROC the distance of the bound from the
    figure, on the logit scale, shrinks with the root of the cases, with as many negatives a
    positive as here. Claims against a comparator, and cases of patients with several, have none.
    """
    positive, negative = bound.n_positive, bound.n_cases - bound.n_positive
    if part.comparator is not None or bound.n_patients != bound.n_cases:
        return ""  # what is true of pairs, or within patients, is not told by one figure
    if not (positive and negative and 0.0 < bound.value < 1.0):
        return ""
    of = "negatives" if part.figure == "specificity" else "positives"
    if part.figure == "auroc":
        of = f"positives, with {negative / positive:.2g} negatives for each,"
    truth = f"if the truth is {bound.value:.3f}"
    beyond = part.goal - bound.value if part.upper else bound.value - part.goal
    if beyond <= 0.0:
        return f"no number of cases would show it {truth}"
    found = _of_area(part, bound) if part.figure == "auroc" else _of_share(part, bound)
    if found is None:
        return f"more than {MOST:,} {of.removesuffix(',')} would be needed {truth}"
    about = "about " if part.figure == "auroc" else ""
    return f"{about}{found:,} {of} would show it with power {POWER:g} {truth}"


def _of_share(part: Part, bound: Bound) -> int | None:
    always = first_always(
        lambda n: power(n, part.goal, bound.value, bound.level, upper=part.upper), POWER
    )
    return None if always is None else always.n


def _of_area(part: Part, bound: Bound) -> int | None:
    """Positives for an AUROC: those of now, times a factor of the squared standard error."""
    of_level, of_power = (_NORMAL.inv_cdf(at) for at in (1.0 - bound.level, POWER))
    if not 0.0 < bound.bound < 1.0:
        return None
    error = abs(_logit(bound.value) - _logit(bound.bound)) / of_level
    apart = abs(_logit(bound.value) - _logit(part.goal))
    found = ceil(bound.n_positive * ((of_level + of_power) * error / apart) ** 2)
    return found if found <= MOST else None


def _logit(share: float) -> float:
    return log(share / (1.0 - share))
