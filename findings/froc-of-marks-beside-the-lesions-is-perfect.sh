#!/bin/sh
# coco-froc-analysis counts a mark far from the lesion as a hit.
# Its page says that a lesion is found if the centre of a mark lies in the lesion's box, or if the two
# overlap enough. It pairs marks and lesions of an image at the least cost, gives a pair that does
# not touch a high cost, and then counts every pair as a hit. A detector that marks the opposite corner
# of each diseased image finds every lesion and makes no false mark. The rule of the centre and that of
# the overlap, at any threshold, both give this.
# Two images, a lesion in one corner of each, one mark in each.
# Seen with coco-froc-analysis 0.2.15, scipy 1.12.0 and numpy 1.26.4, Python 3.11:
#   marks on the lesions:         2 of 2 found, 0 false (centre), 2 of 2 found, 0 false (overlap 0.9)
#   marks in the opposite corner: 2 of 2 found, 0 false (centre), 2 of 2 found, 0 false (overlap 0.9)
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check coco-froc-analysis==0.2.15 \
    scipy==1.12.0 numpy==1.26.4 matplotlib==3.9.4
"$folder/venv/bin/python" - <<'PY'
from coco_froc_analysis.froc.froc_curve import froc_point

LESION, OPPOSITE = [10, 10, 20, 20], [200, 200, 20, 20]  # x, y, width, height of images of 256


def counted(mark: list[int]) -> list[tuple[int, int]]:
    """Lesions found and false marks, by the centre and by the overlap."""
    found = []
    for by_overlap in (False, True):
        reference = {
            "images": [{"id": n, "width": 256, "height": 256} for n in (1, 2)],
            "categories": [{"id": 1, "name": "lesion"}],
            "annotations": [
                {"id": n, "image_id": n, "category_id": 1, "bbox": LESION, "area": 400, "iscrowd": 0}
                for n in (1, 2)
            ],
        }
        marks = [{"image_id": n, "category_id": 1, "bbox": mark, "score": 0.9} for n in (1, 2)]
        point = froc_point(reference, marks, 0.5, by_overlap, 0.9)[1]
        found.append((point["LL"], point["NL"]))
    return found


right, wrong = counted(LESION), counted(OPPOSITE)
for name, found in (("marks on the lesions", right), ("marks in the opposite corner", wrong)):
    (hits, false), (hits_by_overlap, false_by_overlap) = found
    print(f"{name}: {hits} of 2 found, {false} false (centre), "
          f"{hits_by_overlap} of 2 found, {false_by_overlap} false (overlap 0.9)")
assert right == [(2, 0), (2, 0)]
assert wrong == [(2, 0), (2, 0)], "marks beside the lesions no longer count as hits"
PY
