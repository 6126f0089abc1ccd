"""The statistics of an evaluation: arrays in, numbers with their uncertainty out.

Four words carry this package.

**Metric.** A function of labels, scores and weights: ``auroc(y, s, w)``. ``y`` holds the reference
standard as 0/1, ``s`` the predicted probability of 1, ``w`` how often a case counts (default 1).
A metric that the data cannot support raises ``UndefinedMetric`` with the counts; it is never
0, 1 or NaN in silence.

**Estimate.** A metric of one cohort with its 95 % confidence interval, its counts of cases and
patients, and the method of the interval. The value is that of the data, never a mean or median of
resamples. Cases of one patient are not independent: wherever patients repeat, the patient is the
unit of every interval.

**Subgroup.** The cases with one level of an attribute (sex = Female), or one combination of levels
(race x sex = White x Female), declared before any score is seen. A gap is the difference of a
metric between subgroups. Under a declared minimum of patients, or of either class, a subgroup has
no estimate but a reason: insufficient data.

**Replicate.** The cohort drawn again from itself: patients with replacement, as many with a
positive case and as many without as there are. It is kept as weights, so a metric of a replicate
is the metric with those weights. One set of replicates, fixed by the patients, the labels and a
seed, serves every metric, subgroup, gap and submission: adding one changes no other, and
differences are taken within a replicate, where their noise cancels.

Rooms in order of reading: ``estimate``, ``discrimination``, ``calibration``, ``operating_points``,
``grades``, ``outputs``, ``masks`` and ``marks`` hold the metrics; ``intervals`` and ``resampling``
their uncertainty; ``all_figures`` every estimate of a subgroup; ``gaps`` the differences between
subgroups; ``comparison`` those between submissions; ``claims`` the bounds that decide a declared
claim, ``planning`` the cases that it takes; ``target_population`` the figures of another
population; ``readers`` several readers, their modalities, and a model beside them.
"""

from metrics.calibration.curves import (
    brier_decomposition,
    corp,
    hosmer_lemeshow,
    integrated_calibration,
    root_mean_square_calibration_error_debiased,
    smooth_ece,
    spiegelhalter,
)
from metrics.calibration.errors import (
    brier,
    ece,
    ece_equal_mass,
    log_loss,
    mce,
    observed_expected_ratio,
    observed_minus_expected,
    scaled_brier,
)
from metrics.calibration.recalibration import (
    calibration_in_the_large,
    calibration_intercept,
    calibration_slope,
)
from metrics.comparison.pairs import (
    mcnemar,
    paired_bootstrap,
    paired_delong,
    rank_stability,
    unpaired_delong,
)
from metrics.discrimination.curves import (
    auroc,
    average_precision,
    partial_auroc,
    partial_auroc_sensitivity,
    sensitivity_at,
    specificity_at,
)
from metrics.discrimination.delong import auroc_estimate
from metrics.discrimination.multiclass import (
    confusion_matrix,
    hand_till_auroc,
    multilabel_auroc,
    one_vs_rest_auroc,
)
from metrics.estimate import Estimate, UndefinedMetric
from metrics.gaps.fairness import (
    average_absolute_odds_difference,
    bnsp_auroc,
    bpsn_auroc,
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equalized_odds_difference,
    equalized_odds_ratio,
    max_min_gap,
    predictive_parity_difference,
)
from metrics.grades.agreement import (
    bland_altman,
    kendall_tau_b,
    kendall_tau_b_test,
    linear_weighted_kappa,
    mean_absolute_error,
    quadratic_weighted_kappa,
)
from metrics.grades.intervals import prediction_probability
from metrics.operating_points.rates import (
    accuracy,
    balanced_accuracy,
    confusion,
    f1,
    false_negative_rate,
    false_positive_rate,
    lr_negative,
    lr_positive,
    mcc,
    npv,
    npv_at_prevalence,
    ppv,
    ppv_at_prevalence,
    selection_rate,
    sensitivity,
    specificity,
    youden_j,
)
from metrics.operating_points.utility import decision_curve, net_benefit, standardized_net_benefit
from metrics.target_population.divergence import (
    jensen_shannon,
    standardized_difference,
    standardized_mean_difference,
)

__all__ = [
    "Estimate",
    "UndefinedMetric",
    "accuracy",
    "auroc",
    "auroc_estimate",
    "average_absolute_odds_difference",
    "average_precision",
    "balanced_accuracy",
    "bland_altman",
    "bnsp_auroc",
    "bpsn_auroc",
    "brier",
    "brier_decomposition",
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    "confusion",
    "confusion_matrix",
    "corp",
    "decision_curve",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "ece",
    "ece_equal_mass",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "f1",
    "false_negative_rate",
    "false_positive_rate",
    "hand_till_auroc",
    "hosmer_lemeshow",
    "integrated_calibration",
    "jensen_shannon",
    "kendall_tau_b",
    "kendall_tau_b_test",
    "linear_weighted_kappa",
    "log_loss",
    "lr_negative",
    "lr_positive",
    "max_min_gap",
    "mcc",
    "mce",
    "mcnemar",
    "mean_absolute_error",
    "multilabel_auroc",
    "net_benefit",
    "npv",
    "npv_at_prevalence",
    "observed_expected_ratio",
    "observed_minus_expected",
    "one_vs_rest_auroc",
    "paired_bootstrap",
    "paired_delong",
    "partial_auroc",
    "partial_auroc_sensitivity",
    "ppv",
    "ppv_at_prevalence",
    "prediction_probability",
    "predictive_parity_difference",
    "quadratic_weighted_kappa",
    "rank_stability",
    "root_mean_square_calibration_error_debiased",
    "scaled_brier",
    "selection_rate",
    "sensitivity",
    "sensitivity_at",
    "smooth_ece",
    "specificity",
    "specificity_at",
    "spiegelhalter",
    "standardized_difference",
    "standardized_mean_difference",
    "standardized_net_benefit",
    "unpaired_delong",
    "youden_j",
]
