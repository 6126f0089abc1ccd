#!/bin/sh
# pydicom takes the former code of the postero-anterior view for another view than its present one.
# DICOM coded the views of radiographs by SNOMED-RT (scheme SRT or SNM3) and now codes them by
# SNOMED CT. pydicom's Code compares over the two schemes by a table. The antero-posterior view
# (R-10206, 399348003) is in it. The postero-anterior view, the usual one of a chest (R-10214,
# 272479007), is not: a search for PA views by code misses every older file, without a warning.
# Seen with pydicom 3.0.2, Python 3.11:
#   antero-posterior: R-10206 equals 399348003: True
#   postero-anterior: R-10214 equals 272479007: False
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2
"$folder/venv/bin/python" - <<'PY'
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

views = codes.cid4010
ap, pa = Code("R-10206", "SRT", "antero-posterior"), Code("R-10214", "SRT", "postero-anterior")
known, unknown = ap == views.AnteroPosterior, pa == views.PosteroAnterior
print(f"antero-posterior: R-10206 equals {views.AnteroPosterior.value}: {known}")
print(f"postero-anterior: R-10214 equals {views.PosteroAnterior.value}: {unknown}")
assert known, "the antero-posterior view is no longer known by its former code"
assert not unknown, "the postero-anterior view is now known by its former code"
PY
