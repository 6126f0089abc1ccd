#!/bin/sh
# A DeLong test of a model against itself can answer p = 0.
# Two releases of a model often rank every case alike: the same weights, or scores that were only
# recalibrated. Their AUROCs are equal case by case, and the variance of the difference is 0.
# MLstatkit's Delong_test then turns to a bootstrap of its own, whose differences are all 0 too, and
# answers z = 0 with p = 0. A reader of the p-value alone finds the two models significantly
# different. The right p is 1, or none. The reply says so in one place: info["method"] is "bootstrap".
# Seen with MLstatkit 0.1.91, numpy 2.4.6, Python 3.11:
#   the same scores:          AUROC 0.7888 and 0.7888, z 0.0, p 0.0, bootstrap
#   twice the scores plus 1:  AUROC 0.7888 and 0.7888, z 0.0, p 0.0, bootstrap
#   other scores:             AUROC 0.7888 and 0.7493, p 0.4067, delong
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check MLstatkit==0.1.91 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from MLstatkit import Delong_test

random = np.random.default_rng(1)
labels = np.repeat([1, 0], 100)
scores = labels + random.normal(size=200)
others = labels + random.normal(size=200)


def tested(name: str, second: np.ndarray) -> tuple[float, str]:
    z, p, _, _, first_auroc, second_auroc, info = Delong_test(
        labels, scores, second, n_boot=500, random_state=0
    )
    print(f"{name}: AUROC {first_auroc:.4f} and {second_auroc:.4f}, z {z:.1f}, p {p:.4f}, "
          f"{info['method']}")
    return p, info["method"]


assert tested("the same scores", scores) == (0.0, "bootstrap")
assert tested("twice the scores plus 1", 2 * scores + 1) == (0.0, "bootstrap")
p, method = tested("other scores", others)
assert method == "delong" and abs(p - 0.4067) < 5e-5
PY
