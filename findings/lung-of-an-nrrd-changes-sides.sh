#!/bin/sh
# MONAI mirrors NRRD volumes whose header writes its axes as "LPS" or "left-anterior-superior".
# NRRD names the axes of the patient in "space", in words or in three letters, and knows several
# orders. MONAI's reader converts one spelling, "left-posterior-superior", and takes every other space
# as right-anterior-superior, without a warning. With LPS a point 10 mm to the left is then 10 mm to the
# right, and front is back; with left-anterior-superior left and right alone change places.
# SimpleITK reads all spellings correctly.
# One voxel of each volume lies 10 mm left, 20 mm to the back and 30 mm up of the origin.
# Seen with monai 1.6.1, pynrrd 1.1.3, SimpleITK 2.5.7, torch 2.13.0 and numpy 2.4.6, Python 3.11,
# coordinates to the left, to the back and up:
#   left-posterior-superior: MONAI 10 20 30, SimpleITK 10 20 30
#   LPS:                     MONAI -10 -20 30, SimpleITK 10 20 30
#   left-anterior-superior:  MONAI -10 20 30, SimpleITK 10 20 30
#   LAS:                     MONAI -10 20 30, SimpleITK 10 20 30
#   right-anterior-superior: MONAI 10 20 30, SimpleITK 10 20 30
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check monai==1.6.1 torch==2.13.0 \
    pynrrd==1.1.3 SimpleITK==2.5.7 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - "$folder/volume.nrrd" <<'PY'
import sys

import nrrd
import numpy as np
import SimpleITK
from monai.data import NrrdReader
from monai.transforms import LoadImage

SIGNS = {"L": 1, "R": -1, "P": 1, "A": -1}
found = {}
for letters, spelling in (
    ("LPS", "left-posterior-superior"),
    ("LPS", "LPS"),
    ("LAS", "left-anterior-superior"),
    ("LAS", "LAS"),
    ("RAS", "right-anterior-superior"),
):
    x, y = (SIGNS[letter] for letter in letters[:2])
    nrrd.write(
        sys.argv[1],
        np.zeros((2, 3, 4), np.int16),
        {
            "space": spelling,
            "space directions": np.diag([1.0, 1.0, 1.0]),
            "space origin": [10.0 * x, 20.0 * y, 30.0],
        },
    )
    affine = np.asarray(LoadImage(reader=NrrdReader())(sys.argv[1]).affine)
    right, front, up = affine[:3, 3]  # MONAI's coordinates: to the right, to the front, up
    by_monai = (-float(right), -float(front), float(up))
    by_itk = SimpleITK.ReadImage(sys.argv[1]).GetOrigin()  # to the left, to the back, up
    places = [" ".join(f"{value:.0f}" for value in place) for place in (by_monai, by_itk)]
    print(f"{spelling + ':':24} MONAI {places[0]}, SimpleITK {places[1]}")
    assert by_itk == (10.0, 20.0, 30.0)
    found[spelling] = by_monai
assert found["left-posterior-superior"] == found["right-anterior-superior"] == (10.0, 20.0, 30.0)
assert found["LPS"] == (-10.0, -20.0, 30.0), "the place in a volume of LPS changed"
assert found["left-anterior-superior"] == found["LAS"] == (-10.0, 20.0, 30.0), "LAS changed"
PY
