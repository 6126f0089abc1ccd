"""Has the claims of a study judged once for each look, and gives what of it may be released.

The look's number, its level and what is told stand in the ledger in one transaction. The whole
verdict is kept in the enclave just before. A run that is cut off, and a later version of the
scoring code, find both and judge nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import addendum, sealed_study
from evaluator.claims.judging import Asked, Cases, judge_study
from evaluator.claims.sealed_study import SealedStudy
from evaluator.claims.verdict import StudyVerdict
from evaluator.disclosure.control import Release
from evaluator.feedback import met_cases
from evaluator.feedback.claims_shown import shown
from evaluator.feedback.probed_claims import sets_apart
from evaluator.stores import study_verdicts
from evaluator.stores.enclave import Enclave, EnclaveError
from submissions.ledger.beside_releases.retirement import BRIDGE
from submissions.ledger.ledger import Ledger
from submissions.ledger.verdicts.account import Look
from submissions.ledger.verdicts.told import ToldVerdict
from submissions.submission import Submission


@dataclass(frozen=True, slots=True)
class StudyJudge:
    """Judges what is predicted of a cohort by its study; nothing where it has none.

    Only the queue, at the end of a run, ``spends`` looks: who scores again takes what is kept.
    """

    ledger: Ledger
    enclave: Enclave
    spends: bool = False

    def __call__(
        self,
        submission: Submission,
        benchmark: Benchmark,
        cohort: Cohort,
        cases: Cases,
        release: Release,
    ) -> StudyVerdict | None:
        """What of the verdict may be a part of ``release``; None where nothing was judged.

        Raises EnclaveError where the enclave has lost the verdict that the ledger tells of, and
        another would come of judging again.
        """
        sealed = sealed_study.of(cohort) or addendum.of(self.ledger, benchmark.name)
        if sealed is None:
            return None
        look = _OneLook(
            ledger=self.ledger,
            enclave=self.enclave,
            sealed=sealed,
            submission=submission,
            benchmark=benchmark,
            cohort=cohort,
            cases=cases,
            release=release,
        )
        verdict = self.ledger.verdicts.recorded(submission.submission_id)
        if verdict is None:
            # What links two draws was entered by no team, and costs none a look.
            linked = self.ledger.is_recorded(BRIDGE, submission.submission_id)
            if linked or not self.spends:
                return None
            verdict = look.spend()
        return shown(look.kept(verdict), release)


@dataclass(frozen=True, slots=True)
class _OneLook:
    """One look, with all that it is judged by."""

    ledger: Ledger
    enclave: Enclave
    sealed: SealedStudy
    submission: Submission
    benchmark: Benchmark
    cohort: Cohort
    cases: Cases
    release: Release

    def spend(self) -> ToldVerdict:
        """Take the look's number and judge it, unless the same look was made before."""
        submission, verdicts = self.submission, self.ledger.verdicts
        looks = self.sealed.study.looks
        verdicts.declare(submission.benchmark, self.sealed.digest, looks)
        look = Look(
            submission_id=submission.submission_id,
            team=submission.team,
            benchmark=submission.benchmark,
            image_digest=submission.image_digest,
            threshold=submission.threshold,
            cohort_digest=self.cohort.digest,
            claims_digest=self.sealed.digest,
            looks=looks,
        )
        cases_met = met_cases.met(self.ledger, self.enclave, submission, self.cohort, self.cases)
        apart = met_cases.figures(
            self.cases, cases_met, submission.threshold, self.benchmark.disclosure.minimum_cell
        )

        def judge(number: int) -> tuple[float, str]:
            verdict = replace(self._judged(number), apart=apart)
            study_verdicts.keep(self.enclave, submission.submission_id, verdict)
            return verdict.level, verdict.told_document()

        return verdicts.spend(look, judge)

    def kept(self, verdict: ToldVerdict) -> StudyVerdict:
        """The whole verdict that the ledger tells of."""
        name = self.submission.submission_id
        for kept_as in dict.fromkeys((name, self.ledger.verdicts.first_of(name))):
            stored = study_verdicts.whole(self.enclave, kept_as, verdict.document)
            if stored is not None:
                break
        else:  # an enclave that was restored from a copy
            stored = self._judged(verdict.look)
            if stored.told_document() != verdict.document:
                raise EnclaveError(
                    f"the enclave lacks the verdict of submission {name}, and this version of "
                    f"Sequestra comes to another one; restore the enclave from a copy that has it"
                )
        study_verdicts.keep(self.enclave, name, stored)
        return stored

    def _judged(self, number: int) -> StudyVerdict:
        minimum = self.benchmark.disclosure.minimum_cell
        threshold = self.submission.threshold
        terms = Asked(
            threshold=threshold,
            look=number,
            hidden={(each.attribute, each.level) for each in self.release.withheld},
            set_apart=sets_apart(self.sealed, self.cases, threshold, minimum),
            minimum=minimum,
        )
        return judge_study(self.sealed, self.cases, terms)
