"""The load factor of a cohort: how many looks have read its cases, as a mean.

MIDRC's measure of reuse (doi 10.1117/12.3008264) is the mean number of pairings of an image with
test subsets. Here each look pairs a submission with a sealed draw, so the load of a case is the
number of runs that read it, in this draw and in every other that has it. What is shown is the mean
over the cohort; the load of a case stays in the enclave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cohort_selection.sealing.cohort import Cohort
from evaluator.stores import case_loads
from evaluator.stores.enclave import Enclave


def load_factor(enclave: Enclave, cohort: Cohort) -> float:
    """Mean load of the cohort's cases, by the runs that are kept now."""
    case_loads.keep_drawn(enclave, cohort)
    of_cohort, shared = case_loads.runs(enclave), case_loads.shared(enclave, cohort.digest)
    pairings = sum(n_shared * of_cohort.get(digest, 0) for digest, n_shared in shared.items())
    return pairings / shared[cohort.digest]


def patient_loads(enclave: Enclave, cohorts: Iterable[Cohort]) -> Mapping[str, int]:
    """For each patient of these cohorts, by the source's id, the most loads of one of its cases.

    For the steward alone: it never leaves the enclave.
    """
    drawn = list(cohorts)
    for cohort in drawn:
        case_loads.keep_drawn(enclave, cohort)
    loads = case_loads.loads(enclave)
    of_patient: dict[str, int] = {}
    for cohort in drawn:
        for case_id, patient_id in cohort.sources().values():
            of_patient[patient_id] = max(of_patient.get(patient_id, 0), loads[case_id])
    return of_patient
