"""The main findings of a report in sentences, for a reader who reads nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evaluator.disclosure.control import Release
from evaluator.feedback_choice import told_how
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.reports.footing import footing, of_prevalence
from evaluator.leaderboard.reports.gap_rows import gap_sentences
from evaluator.readers.panel_words import panel_sentences
from metrics.estimate import Estimate

PERCENT = "\N{NO-BREAK SPACE}%"
_SPOKEN_OF = ("sensitivity", "specificity")
_OF_CHANCE = {
    "macro_auroc": 0.5,
    "hand_till_auroc": 0.5,
    "quadratic_weighted_kappa": 0.0,
    "wafroc": 0.5,
}
"""Primary figures of tasks with several outputs, and what guessing reaches in each."""
_POSITIVE = {
    **dict.fromkeys(("binary", "score", ""), "positive by the reference standard"),
    **dict.fromkeys(("segmentation", "localisation"), "with a lesion"),
}
_LABEL = "positive by the label of the whole task"
"""What a positive case is, by the kind of task; of findings, classes and grades the last one."""
_ALL_EQUAL = "predictions that differ"
"""In the reason why the slope over all cases is undefined where every prediction is the same."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A heading of one or two words with the sentences that belong to it."""

    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands at the top of a report; ``alarms`` say that the model is not what it seems."""

    alarms: tuple[str, ...]
    found: tuple[Finding, ...]


def findings(release: Release, primary: str, whole: Release | None = None) -> Findings:
    """Read the released figures off their intervals, and claim no more than these.

    ``whole`` is the release that ``release`` is a part of, where it is one.
    """
    cases = f"{release.n_cases:,} cases of {release.n_patients:,} patients"
    if release.n_positive is None and not release.results:
        small = (
            f"The cohort of {cases} is too small in one class for any figure to be released "
            f"under the rule of this benchmark."
        )
        return Findings((), (Finding("Cohort", (small,)),))
    told = told_how(release.rule)
    if told is not None:  # the value may be of other cases, or of another submission
        of = release.find(primary)
        how = [f"Here: {of.method}."] if of is not None and of.value is not None else []
        cohort = Finding("Cohort", tuple(_cohort(release, cases)))
        return Findings((), (cohort, Finding("Value", (told, *how))))
    parts = {
        "Cohort": _cohort(release, cases),
        "Ranking": [*_headline(release, primary), *_in_words(release)],
        "Threshold": _at_threshold(release),
        "Calibration": calibration_in_words(release),
        "Gaps": gap_sentences(release, whole),
        "Beside readers": panel_sentences(release.panels, numbers.percent(release.confidence)),
    }
    found = tuple(Finding(name, tuple(said)) for name, said in parts.items() if said)
    return Findings(tuple(_alarms(release, primary)), found)


def _cohort(release: Release, cases: str) -> list[str]:
    positive = ""
    if release.n_positive is not None:
        positive = f", {release.n_positive:,} of the cases {_POSITIVE.get(release.task, _LABEL)}"
    said = [f"Evaluated on {cases}{footing(release).evaluated}{positive}."]
    if len(release.results) == 1:
        said.append("The primary figure alone is told here: no group, no curve, no other figure.")
    return said


def _alarms(release: Release, primary: str) -> list[str]:
    """An inverted or constant model, and one that calls every case alike."""
    slope = release.find("calibration_slope")
    if slope is not None and _ALL_EQUAL in (slope.undefined or ""):
        return ["The model gives every case the same score: it tells no case from another."]
    found = list(_no_better_than_chance(release, primary))
    auroc = release.find("auroc")
    if auroc is not None and auroc.value is not None:
        if auroc.high is not None and auroc.high < 0.5:
            found.append(
                f"The model is inverted: it scores positive cases lower than negative ones (AUROC "
                f"{numbers.value(auroc)}, {numbers.interval(auroc)}). Its scores may stand for the "
                f"negative class; turned round, the AUROC would be "
                f"{numbers.number(1.0 - auroc.value, numbers.digits(auroc))}."
            )
        elif auroc.low is not None and auroc.low <= 0.5:
            found.append(
                f"These data do not show that the model ranks cases better than a coin: the "
                f"interval of its AUROC, {numbers.interval(auroc)}, holds 0.5."
            )
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if sensitivity is not None and specificity is not None:
        rates = (sensitivity.value, specificity.value)
        if rates in ((1.0, 0.0), (0.0, 1.0)):
            found.append(
                f"At the threshold of {release.threshold:g} the model calls every case "
                f"{'positive' if rates[0] else 'negative'}."
            )
    return found


def _no_better_than_chance(release: Release, primary: str) -> Iterator[str]:
    """The primary figure, or else one like it, where its interval holds what chance gives."""
    for name in (primary,) if primary in _OF_CHANCE else _OF_CHANCE:
        chance = _OF_CHANCE[name]
        estimate = release.find(name)
        if estimate is not None and estimate.low is not None and estimate.low <= chance:
            yield (
                f"These data do not show that the model is better than chance: the interval of "
                f"its {figure(name).within}, {numbers.interval(estimate)}, holds {chance:g}."
            )


def _in_words(release: Release) -> list[str]:
    auroc = release.find("auroc")
    if auroc is None or auroc.value is None:
        return []
    return [
        f"Given one positive and one negative case at random, the model scores the positive "
        f"one higher {_share(auroc)} of the time; a coin would do so 50{PERCENT}."
    ]


def _at_threshold(release: Release) -> list[str]:
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if sensitivity is None or specificity is None:
        return []
    if sensitivity.value is None or specificity.value is None:
        return []
    return [
        f"At the threshold of {release.threshold:g}{footing(release).declared} it calls "
        f"{_share(sensitivity)} of the positive cases positive and {_share(specificity)} of "
        f"the negative cases negative."
    ]


def _headline(release: Release, primary: str) -> list[str]:
    """The primary figure in words, where no sentence below speaks of it."""
    estimate, about = release.find(primary), figure(primary)
    if estimate is None or estimate.value is None or primary in ("auroc", *_SPOKEN_OF):
        return []
    said = f"The primary figure, {about.within}, is {numbers.value(estimate)}"
    if estimate.low is not None:
        said += f" ({numbers.interval(estimate)})"
    return [f"{said}. {about.meaning}".rstrip()]


def _share(estimate: Estimate) -> str:
    if estimate.value is None:
        return numbers.DASH
    said = f"{_hundredths(estimate.value)}{PERCENT}"
    if estimate.low is None or estimate.high is None:
        return said
    return f"{said} ({_hundredths(estimate.low)} to {_hundredths(estimate.high)}{PERCENT})"


def _hundredths(share: float) -> str:
    """A share in whole per cent, finer where that would say none or all and is not so."""
    for places in (0, 1, 2):
        text = f"{100 * share:.{places}f}"
        if float(text) not in (0.0, 100.0) or share in (0.0, 1.0):
            break
    return text


def calibration_in_words(release: Release) -> list[str]:
    """One sentence on the spread of the predictions, one on their level."""
    spread, level = _spread(release.find("calibration_slope")), _level(release)
    if spread == level == "":
        slope = release.find("calibration_slope")
        reason = None if slope is None else slope.undefined
        return [f"Not given: {reason}."] if reason else []
    return [said for said in (spread, level) if said]


def _spread(slope: Estimate | None) -> str:
    if slope is None or slope.value is None or slope.low is None:
        return ""
    if slope.high is not None and slope.high < 0:
        said = "Predictions run the wrong way: the higher they are, the fewer cases are positive"
    elif slope.high is not None and slope.high < 1:
        said = "Predictions are too extreme: high ones too high, low ones too low"
    elif slope.low > 1:
        said = "Predictions are too timid: they spread less than the outcomes do"
    else:
        said = "The spread of the predictions is compatible with that of a calibrated model"
    return f"{said} (slope {numbers.value(slope)}, {numbers.interval(slope)}; 1 is ideal)."


def _level(release: Release) -> str:
    large = release.find("calibration_in_the_large")
    if large is None or large.value is None or large.low is None:
        return ""
    if large.low > 0:
        said = "On average, risk is underestimated in this cohort"
    elif large.high is not None and large.high < 0:
        said = "On average, risk is overestimated in this cohort"
    else:
        said = "No average error was shown"
    ratio = release.find("observed_expected_ratio")
    of = ""
    if ratio is not None and ratio.value is not None:
        of = f"{100 * ratio.value:.0f} positive cases for 100 that it expects; "
    return (
        f"{said} ({of}calibration in the large {numbers.value(large)}, "
        f"{numbers.interval(large)}; 0 is ideal). This figure moves with prevalence, "
        f"{of_prevalence(release)}."
    )
