"""What each kind of feedback tells, in words, and which choices of it make no sense."""

from __future__ import annotations

import math

from evaluator.disclosure.rule import LADDER, ONE_FIGURE, THRESHOLDOUT, Disclosure

AUROC = "auroc"
NO_IMPROVEMENT = "no improvement that the data support"
"""What a team is told, beside its former value, where a look is no step of the ladder."""


def refusal(
    rule: Disclosure, *, primary: str, lifetime: int | None, practice_cases: int
) -> str | None:
    """Why a benchmark cannot have its kind of feedback, in a sentence; None where it can.

    ``primary`` is its primary figure, ``lifetime`` the looks of a team at a cohort in all and
    ``practice_cases`` the number of practice cases.
    """
    kind = rule.feedback
    if kind in ONE_FIGURE and primary != AUROC:
        return (
            f"[disclosure] feedback is {kind!r} and [analysis] primary is {primary!r}; {kind} "
            f'tests an AUROC: give primary = "auroc", or feedback = "open" or "held"'
        )
    if kind == LADDER and lifetime is None:
        return (
            "[disclosure] feedback is 'ladder' and [quota] lifetime is not given; each step is "
            "tested at 0.05 over the looks of a team in all: give lifetime, as lifetime = 20"
        )
    if kind == THRESHOLDOUT and not practice_cases:
        return (
            "[disclosure] feedback is 'thresholdout' and [practice] cases is 0; an answer compares "
            "with the AUROC on practice cases: give cases, as cases = 200"
        )
    return None


def explained(rule: Disclosure, *, lifetime: int | None, practice_cases: int) -> tuple[str, ...]:
    """What the chosen kind of feedback means for teams and for the cohort, in sentences."""
    if rule.feedback == LADDER:
        assert lifetime is not None
        return (
            f"Feedback is a ladder: a team is told the AUROC of its last step alone. A look is a "
            f"step where a one-sided paired DeLong test at {0.05 / lifetime:.2g} (0.05 over "
            f"{lifetime} looks) says that it is better than the step before.",
            "No groups, curves, tiers or comparisons are shown.",
        )
    if rule.feedback == THRESHOLDOUT:
        return (
            f"Feedback is Thresholdout: a team is told the AUROC on the {practice_cases} practice "
            f"cases, unless the one on sequestered cases differs by more than about "
            f"{rule.thresholdout_difference:g}; then it is told the latter with noise of standard "
            f"deviation {rule.thresholdout_noise:g}. After {rule.thresholdout_budget} answers with "
            f"noise the cohort is spent.",
            f"The AUROC on {practice_cases} practice cases has a standard error of about "
            f"{practice_error(practice_cases):.2f} where it is 0.8 and half of them are positive. "
            "Where that is more than half the difference, answers with noise are often due to "
            "chance: more practice cases spend the cohort more slowly.",
            "No groups, curves, tiers or comparisons are shown.",
        )
    if rule.feedback == "held":
        return ("Feedback is held: a result is shown after it has been reviewed.",)
    return ("Feedback is open: every result is shown whole, as soon as it is there.",)


def practice_error(n_cases: int, auroc: float = 0.8) -> float:
    """Standard error of an AUROC over ``n_cases`` of two equal classes (Hanley & McNeil 1982)."""
    m = max(n_cases / 2.0, 1.0)
    q1, q2 = auroc / (2.0 - auroc), 2.0 * auroc**2 / (1.0 + auroc)
    spread = auroc * (1.0 - auroc) + (m - 1.0) * (q1 + q2 - 2.0 * auroc**2)
    return math.sqrt(spread / (m * m))


def told_how(rule: Disclosure) -> str | None:
    """For a board and a report: how the values of this feedback are told; None where plainly."""
    if rule.feedback == LADDER:
        return (
            "Each value is the AUROC of the team's last step: a submission that the data support "
            "to be better than the step before it (the ladder). A later submission that is no step "
            "repeats that value. Nothing else is told of these submissions."
        )
    if rule.feedback == THRESHOLDOUT:
        return (
            "Each value is the AUROC on public practice cases, or, where the sequestered cases say "
            "something else, the AUROC on those with noise (Thresholdout). Nothing else is told of "
            "these submissions."
        )
    return None
