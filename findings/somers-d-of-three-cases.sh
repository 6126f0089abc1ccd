#!/bin/sh
# scipy.stats.somersd calls three cases in one order proof: its p-value is 0.
# Two readers who put three cases in the same order agree by chance in 1 of 3 draws (both directions
# counted). kendalltau says so: 0.333. somersd tests with the standard error of the alternative,
# which is 0 where the orders agree, whatever the number of cases. With ten grades and one pair out
# of order it says 2e-73 where kendalltau says 0.0004.
# Seen with scipy 1.17.1 and numpy 2.4.6, Python 3.11:
#   3 cases in one order: somersd 0.0, kendalltau 0.333333
#   10 grades, one tie broken: somersd below 1e-50, kendalltau 0.000372
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
from scipy.stats import kendalltau, somersd

three = [1, 2, 3]
a, b = float(somersd(three, three).pvalue), float(kendalltau(three, three).pvalue)
print(f"3 cases in one order: somersd {a}, kendalltau {b:.6f}")
reader = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
other = [0, 0, 1, 1, 2, 2, 3, 3, 4, 3]
c, d = float(somersd(reader, other).pvalue), float(kendalltau(reader, other).pvalue)
print(f"10 grades, one tie broken: somersd {c:.3g}, kendalltau {d:.6f}")
assert a == 0.0 and abs(b - 1 / 3) < 1e-9, "the p-values of three cases changed"
assert c < 1e-50 and 0.0003 < d < 0.0005, "the p-values of ten grades changed"
PY
