"""Target populations: the wanted share of each level of an attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.cases import LABEL
from cohort_selection.clinical.vocabulary import level as level_of
from cohort_selection.matching.estimand import Estimand

SUM_TOLERANCE = 0.01


class TargetError(ValueError):
    """A target table that cannot be used; says where and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """Shares of each level, summing to 1 for each attribute.

    An attribute may be a joint one, "race x sex", with levels "White x Female". ``notes`` tells
    what was changed when the table was read.
    """

    margins: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()


def read_target(table: Mapping[str, object], path: Path) -> Target:
    """Check shares that the table at ``path`` has, ``attribute -> level -> share``.

    Raises TargetError, which names the file; see :func:`target_of`.
    """
    try:
        return target_of(table)
    except TargetError as problem:
        raise TargetError(f"{path.name}: {problem}") from None


def target_of(table: Mapping[str, object]) -> Target:
    """Check shares, ``attribute -> level -> share``.

    Levels are in the words of the pool (``M`` is Male). Shares that sum to 1 within 0.01 are
    normalised, with a note; beyond that they are refused.
    """
    margins: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    for attribute, levels in table.items():
        if not isinstance(levels, Mapping) or not levels:
            raise TargetError(
                f"the target of {attribute} is {levels!r}; give a table of levels and "
                "shares, such as { Female = 0.5, Male = 0.5 }"
            )
        shares: dict[str, float] = {}
        for said, share in levels.items():
            level = level_of(str(attribute), str(said))
            if level in shares:
                raise TargetError(
                    f"the target of {attribute} names {level} twice, once as {said!r}; keep one"
                )
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise TargetError(
                    f"the target of {attribute} {level} is {share!r}; give a share between 0 and 1"
                )
            shares[level] = float(share)
        total = sum(shares.values())
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise TargetError(
                f"the shares of {attribute} sum to {total:.6g}; they must sum to 1 "
                f"(a difference up to {SUM_TOLERANCE} is normalised); correct them"
            )
        if abs(total - 1.0) > 1e-9:
            notes.append(f"the shares of {attribute} summed to {total:.6g} and were normalised")
        margins[attribute] = {level: share / total for level, share in shares.items()}
    if LABEL in margins and not set(margins[LABEL]) <= {"0", "1"}:
        raise TargetError(
            f"the target of label has the levels {', '.join(margins[LABEL])}; "
            'they must be "0" and "1"'
        )
    return Target(margins, tuple(notes))


def tie_to_label(target: Target, attributes: Sequence[str]) -> Target:
    """Ask for the same shares of ``attributes`` among positives and negatives.

    Their margins, and that of the label, become joint margins "label x attribute": cases and
    controls balanced on every attribute at once. A note says that the figures of such a cohort are
    not the target's. Raises TargetError where one has no margin.
    """
    for name in (LABEL, *attributes):
        if name not in target.margins:
            raise TargetError(
                f"cases and controls cannot be balanced on {name}: the target gives it no shares; "
                f"add [cohort.target.{name}]"
            )
    margins = {
        name: shares
        for name, shares in target.margins.items()
        if name not in attributes and (name != LABEL or not attributes)
    }
    for name in attributes:
        margins[f"{LABEL} x {name}"] = {
            f"{label} x {level}": share * of_label
            for label, of_label in target.margins[LABEL].items()
            for level, share in target.margins[name].items()
        }
    notes = (Estimand.CASE_CONTROL.sentence,) if attributes else ()
    return Target(margins, (*target.notes, *notes))
