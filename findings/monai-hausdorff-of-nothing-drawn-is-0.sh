#!/bin/sh
# In MONAI a model that draws nothing has the best mean Hausdorff distance of all: 0.
# The distance to an empty mask is nan, and the mean over cases leaves nan out. Where every case is
# nan the mean is 0.0 and no warning is given, so such a model beats each one that draws anything.
# A model that draws only the easy cases is averaged over these alone.
# Seen with monai 1.6.1, torch 2.13.0 and numpy 2.4.6, Python 3.11; two cases with a lesion:
#   nothing drawn:                      each case nan, mean HD95 0.0
#   one row of the lesion left out:     mean HD95 1.0
#   one case drawn well, one not at all: mean HD95 1.0
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check monai==1.6.1 torch==2.13.0 \
    numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from monai.metrics import HausdorffDistanceMetric

lesions = torch.zeros(2, 1, 16, 16)
lesions[:, :, 4:10, 4:10] = 1
nothing = torch.zeros_like(lesions)
nearly = lesions.clone()
nearly[:, :, 9] = 0
easy = nearly.clone()
easy[1] = 0
found = []
for words, drawn in (("nothing", nothing), ("nearly all", nearly), ("one of two", easy)):
    metric = HausdorffDistanceMetric(percentile=95)
    cases = metric(drawn, lesions).flatten().tolist()
    found.append(float(metric.aggregate()))
    print(f"{words}: cases {cases}, mean HD95 {found[-1]}")
assert found == [0.0, 1.0, 1.0], "the mean distance of a model that draws nothing changed"
PY
