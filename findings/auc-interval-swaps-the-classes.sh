#!/bin/sh
# PyCM's interval of an AUC is far too narrow where the disease is rare.
# Its standard error is Hanley and McNeil's with the numbers of positives and negatives exchanged. With
# 20 patients and 2,000 healthy people, sensitivity and specificity 0.9, it says 0.0208. The AUC of one
# threshold is the mean of these two shares, whose standard error is 0.0337; 200,000 drawn studies
# agree. Hanley and McNeil's formula, made for scores of many levels, gives 0.0462. An interval of
# 95 % by PyCM holds the true AUC in 82 of 100 studies.
# The table has one AUC, and PyCM gives it another interval for each of the two classes.
# Seen with pycm 4.6, numpy 2.4.6, Python 3.11:
#   AUC 0.9, class ill: standard error 0.0208; class well: 0.0462
#   standard deviation of the AUC over drawn studies 0.0336; the interval of class ill holds 0.9 in 0.82
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycm==4.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from pycm import ConfusionMatrix

ILL, WELL = 20, 2000


def table(found, cleared):
    return ConfusionMatrix(
        matrix={
            "ill": {"ill": int(found), "well": int(ILL - found)},
            "well": {"ill": int(WELL - cleared), "well": int(cleared)},
        }
    )


example = table(18, 1800)
errors = {name: example.CI("AUC")[name][0] for name in ("ill", "well")}
print(f"AUC {example.AUC['ill']}, class ill: standard error {errors['ill']:.4f}; "
      f"class well: {errors['well']:.4f}")
random = np.random.default_rng(1)
found, cleared = random.binomial(ILL, 0.9, 200_000), random.binomial(WELL, 0.9, 200_000)
spread = float(((found / ILL + cleared / WELL) / 2).std())
held = 0
for drawn in zip(found[:2000], cleared[:2000]):
    low, high = table(*drawn).CI("AUC")["ill"][1]
    held += low <= 0.9 <= high
print(f"standard deviation of the AUC over drawn studies {spread:.4f}; "
      f"the interval of class ill holds 0.9 in {held / 2000:.2f}")
assert abs(spread - 0.0337) < 0.0003
assert example.AUC["ill"] == example.AUC["well"]
assert abs(errors["ill"] - 0.0208) < 5e-5 and abs(errors["well"] - 0.0462) < 5e-5, "that changed"
assert held / 2000 < 0.85, "the interval is wider now"
PY
