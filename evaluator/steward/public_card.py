"""Writes the card of a cohort that everybody may read, before the cohort is sealed."""

from __future__ import annotations

from dataclasses import replace

from cohort_selection.atomic_files import write_bytes
from cohort_selection.matching.estimand import Estimand
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.sealed_study import SealedStudy
from evaluator.disclosure.cohort_card import CohortCard, cohort_card
from evaluator.disclosure.suppression import JOINT
from evaluator.planning.beside_drawn import public
from evaluator.steward.pool import Cut
from evaluator.stores.cohort_cards import card_file
from evaluator.stores.installation import Installation


def publish_card(
    installation: Installation, benchmark: Benchmark, cut: Cut, study: SealedStudy | None = None
) -> CohortCard:
    """Write the card of a matched cohort into the public store; an earlier draw's is replaced.

    ``study`` is what will be sealed with the cohort.
    """
    plan, analysis = benchmark.cohort, benchmark.analysis
    crossed = tuple(JOINT.join(names) for names in analysis.intersections)
    card = cohort_card(
        cut.cohort,
        cut.flow,
        target=plan.target.margins,
        groups=(*analysis.subgroups, *crossed),
        case_control=plan.estimand is Estimand.CASE_CONTROL,
        estimand=plan.estimand.sentence,
        rule=benchmark.disclosure,
    )
    if study is not None:
        claims: dict[str, object] = {"digest": study.digest, "declaration": study.declaration}
        planned = public(benchmark, cut.cohort, used=study.used, step=card.count_step)
        if planned:
            claims["planned"] = planned
        card = replace(card, claims=claims)
    path = card_file(installation, benchmark.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, card.to_json().encode())
    return card
