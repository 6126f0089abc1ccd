#!/bin/sh
# ipfn says "converged" where no weights have the margins that were asked for.
# Thirty women in gown a, thirty men in gown b. Asked for: 40 women and 20 men, 20 in gown a and 40 in
# gown b. The two attributes always agree, so no weights do both. ipfn stops since its steps no longer
# change anything, prints that it converged, returns the flag 1 and a table with 20 women. Its default
# (verbose=0) returns that table alone, without a word.
# After such raking the margins must be held against the target.
# Seen with ipfn 1.4.4, pandas 3.1.1 and numpy 2.4.6, Python 3.11:
#   flag 1, women 20.0 where 40.0 were asked for
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    ipfn==1.4.4 pandas==3.1.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import pandas as pd
from ipfn import ipfn

cohort = pd.DataFrame(
    {"sex": ["F", "F", "M", "M"], "gown": ["a", "b", "a", "b"], "total": [30.0, 0.0, 0.0, 30.0]}
)
sex = pd.Series({"F": 40.0, "M": 20.0}, name="total").rename_axis("sex")
gown = pd.Series({"a": 20.0, "b": 40.0}, name="total").rename_axis("gown")
table, flag, _ = ipfn.ipfn(cohort, [sex, gown], [["sex"], ["gown"]], verbose=2).iteration()
women = float(table.loc[table["sex"] == "F", "total"].sum())
print(f"flag {flag}, women {women} where 40.0 were asked for")
assert flag == 1 and abs(women - 20.0) < 1e-9, "a stall is no longer called success"
PY
