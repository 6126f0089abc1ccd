"""Says what a reader study found, in sentences that a radiologist reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from evaluator.glossary import figure
from evaluator.readers.study import FigureStudy, ReadersReport
from metrics.readers.obuchowski_rockette import FIXED_CASES, FIXED_READERS, Spread
from metrics.readers.panel import AgainstPanel

NOT_SHOWN = "not shown by this study, which is not the same as equal"
HOLDS_FOR = {
    FIXED_READERS: "for these readers alone",
    FIXED_CASES: "for these cases alone",
}
ONE_MODALITY = (
    "the table names one modality: each reader and the mean reader are given; a second modality, "
    "or a table of a model's scores, is needed for a comparison"
)


def called(name: str) -> str:
    """How sentences call a figure: AUROC, sensitivity, specificity."""
    named = figure(name)
    return named.short if named.short.isupper() else named.name


def between(spread: Spread) -> str:
    """An interval as "0.825 to 0.969"."""
    return f"{_number(spread.low)} to {_number(spread.high)}"


def signed(spread: Spread) -> str:
    """An estimate to three decimals."""
    return _number(spread.estimate)


def p_value(p: float | None) -> str:
    """A p-value as "0.052", or "< 0.001"."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def freedom(value: float) -> str:
    """Degrees of freedom to one decimal."""
    return "endless" if math.isinf(value) else f"{value:.1f}"


def findings(study: FigureStudy, report: ReadersReport) -> Iterator[str]:
    """Sentences on one figure: random readers and cases, then the model."""
    result = study.result
    if result is None:
        yield f"{called(study.figure)}: {study.undefined}."
        return
    confidence, alpha = f"{report.asked.confidence:.0%}", 1.0 - report.asked.confidence
    short = called(study.figure)
    for name, mean in zip(report.modalities, result.finding.means, strict=True):
        of = f" with {name}" if name else ""
        yield (
            f"{short} of the mean reader{of}: {signed(mean)} ({confidence} interval "
            f"{between(mean)})."
        )
    if result.finding.why:
        yield f"The modalities cannot be tested: {result.finding.why}."
    if len(report.modalities) > 2 and result.finding.p is not None:
        differ = "differ" if result.finding.p < alpha else f"a difference is {NOT_SHOWN}"
        yield f"All modalities together: {differ} (p {p_value(result.finding.p)})."
    for each in result.finding.differences:
        pair = f"{report.modalities[each.one]} less {report.modalities[each.other]}"
        sentence = (
            "readers like these differ between the two on cases like these"
            if each.p < alpha
            else f"a difference is {NOT_SHOWN}"
        )
        yield (
            f"{short}, {pair}: {signed(each.spread)} ({confidence} interval "
            f"{between(each.spread)}, p {p_value(each.p)}); {sentence}."
        )
    if study.model_undefined:
        yield f"The model cannot be compared with the readers: {study.model_undefined}."
    for name, against in zip(report.modalities, study.model, strict=False):
        yield model_sentence(short, name, against, confidence)


def model_sentence(short: str, modality: str, against: AgainstPanel, confidence: str) -> str:
    """The model less the mean reader, with what it shows."""
    of = f" with {modality}" if modality else ""
    shown = (
        "the model is better than the mean of readers like these"
        if against.superior
        else "the model is worse than the mean of readers like these"
        if against.difference.high < 0.0
        else f"a difference is {NOT_SHOWN}"
    )
    if against.margin is not None and not against.superior:
        verdict = "not inferior" if against.noninferior else "not shown to be not inferior"
        shown += f"; by the margin of {against.margin:g} the model is {verdict}"
    return (
        f"{short} of the model {_number(against.model)}, of the mean reader{of} "
        f"{signed(against.panel)}; model less mean reader {signed(against.difference)} "
        f"({confidence} interval {between(against.difference)}, p {p_value(against.p)}); {shown}."
    )


def method(study: FigureStudy) -> str:
    """How the figures of a study came about, in one sentence."""
    if study.result is None:
        return ""
    of = (
        "the jackknife, a patient left out at a time"
        if study.result.covariances == "jackknife"
        else "DeLong's components"
    )
    return (
        f"Obuchowski and Rockette's analysis with Hillis' degrees of freedom; covariances by {of}."
    )


def _number(value: float) -> str:
    text = f"{value + 0.0:.3f}"
    return text.removeprefix("-") if float(text) == 0.0 else text
