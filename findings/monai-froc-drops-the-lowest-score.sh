#!/bin/sh
# MONAI's FROC never counts the marks with the lowest score: a perfect detector scores 0.
# compute_froc_curve_data walks over the distinct scores and leaves the last one out. A detector
# that finds every lesion, without one false mark, has a sensitivity below 1. Where all its scores
# are equal, as with a detector that says yes or no, the sensitivity and the FROC score are 0.
# Seen with monai 1.6.1, torch 2.13.0 and numpy 2.4.6, Python 3.11; three lesions on two images:
#   scores 0.9 0.8 0.7: greatest sensitivity 0.667, FROC score 0.667
#   scores 1 1 1:       greatest sensitivity 0.000, FROC score 0.000
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check monai==1.6.1 torch==2.13.0 \
    numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from monai.metrics import compute_froc_curve_data, compute_froc_score

found = []
for scores in ([0.9, 0.8, 0.7], [1.0, 1.0, 1.0]):
    rate, sensitivity = compute_froc_curve_data(
        fp_probs=np.array([]), tp_probs=np.array(scores), num_targets=3, num_images=2
    )
    score = float(compute_froc_score(rate, sensitivity, (0.25, 0.5, 1, 2, 4, 8)))
    found.append((float(sensitivity.max()), score))
    print(f"scores {scores}: greatest sensitivity {found[-1][0]:.3f}, FROC score {score:.3f}")
assert np.allclose(found, [(2 / 3, 2 / 3), (0.0, 0.0)]), "the FROC of a perfect detector changed"
PY
