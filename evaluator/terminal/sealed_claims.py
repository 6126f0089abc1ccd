"""What is printed of a study once its cohort is sealed: each bound, its level and its error."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType

from evaluator.claims.sealed_study import SealedStudy
from evaluator.claims.words import claimed
from evaluator.screen import Sheet


def sealed_claims(study: SealedStudy) -> RenderableType:
    """The claims' digest, and a line for each part and level at which it may be tested."""
    table = Sheet(title="Claims", title_justify="left")
    for name in ("claim", "must hold"):
        table.add_column(name)
    for name in ("tested at", "bound made at", "error at the goal"):
        table.add_column(name, justify="right")
    for claim in study.study.claims:
        for part in claim.parts:
            for each in study.levels:
                if each.part == part:
                    digits = 2 - math.floor(math.log10(each.nominal))
                    error = f"{each.error:.{digits}f}"
                    if each.standard_error:
                        error += f" +- {2.0 * each.standard_error:.{digits}f}"
                    table.add_row(
                        claim.name, claimed(part), f"{each.nominal:.3g}", f"{each.used:.3g}", error
                    )
    looks = study.study.looks
    return Group(table, f"{looks} look{'s' * (looks > 1)} of each team; claims {study.digest}")
