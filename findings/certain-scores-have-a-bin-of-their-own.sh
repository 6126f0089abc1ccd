#!/bin/sh
# torchmetrics gives predictions of exactly 1 a bin of their own, and the calibration error grows.
# The expected calibration error divides [0, 1] into M bins. The last one ends with 1 and holds it:
# ((M - 1) / M, 1] (Naeini et al. 2015; Guo et al. 2017). torchmetrics puts 1.0 behind the last
# edge, into a bin M + 1, so that errors of opposite sign that share a bin no longer cancel there.
# Ten cases have 0.95 and are all positive, ten have 1.0 and nine are positive. In one bin the mean
# prediction is 0.975 and 19 of 20 are positive: the error is 0.025. A model that writes 0.999 in
# place of 1.0 gets nearly that. Scores that are rounded, or a saturated sigmoid in float32, are 1.0.
# netcal has the bins of the definition.
# Seen with torchmetrics 1.9.0, netcal 1.4.0, torch 2.13.0 and numpy 2.4.6, Python 3.11, 10 bins:
#   by hand 0.0250, netcal 0.0250, torchmetrics 0.0750; with 0.999 for 1.0 torchmetrics 0.0245
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torchmetrics==1.9.0 netcal==1.4.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import torch
from netcal.metrics import ECE
from torchmetrics.classification import BinaryCalibrationError

BINS = 10
scores = np.array([0.95] * 10 + [1.0] * 10)
labels = np.array([1] * 10 + [1] * 9 + [0])


def by_torchmetrics(values):
    metric = BinaryCalibrationError(n_bins=BINS, norm="l1")
    return float(metric(torch.tensor(values), torch.tensor(labels)))


by_hand = abs(scores.mean() - labels.mean())  # all scores lie in (0.9, 1]
by_netcal = ECE(BINS).measure(scores, labels)
certain, nearly = by_torchmetrics(scores), by_torchmetrics(np.minimum(scores, 0.999))
print(
    f"by hand {by_hand:.4f}, netcal {by_netcal:.4f}, torchmetrics {certain:.4f}; "
    f"with 0.999 for 1.0 torchmetrics {nearly:.4f}"
)
assert abs(by_netcal - by_hand) < 1e-9
assert abs(certain - 0.075) < 1e-6, "the error with certain scores changed"
assert abs(nearly - 0.0245) < 1e-6
PY
