#!/bin/sh
# pydicom's apply_color_lut gives 16-bit pixels another colour where the table has 8-bit entries.
# PS3.3 C.7.6.3.1.5 and .6: a value beyond the table takes its last entry, and a table of 8-bit entries
# may have up to 65,536 of them. pydicom keeps the place in the table in a number of the width of the
# entries, so that place 300 becomes 44, without a warning. highdicom reads the file correctly.
# A table of 256 entries and a pixel of 300: the last entry, 255. A table of 4,096 entries, each its
# place divided by 16, and a pixel of 4,000: 250.
# Seen with pydicom 3.0.2, highdicom 0.28.2 and numpy 2.4.6, Python 3.11:
#   256 entries, pixel 300: pydicom 44, highdicom 255
#   4096 entries, pixel 4000: pydicom 10, highdicom 250
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pydicom==3.0.2 highdicom==0.28.2 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/palette.dcm" <<'PY'
import sys

import highdicom
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid


def colours(entries, pixel):
    """The red of one pixel's value, by pydicom and by highdicom."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    data.Modality, data.PatientID = "OT", "1"
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Rows, data.Columns, data.SamplesPerPixel = 2, 2, 1
    data.PhotometricInterpretation, data.PixelRepresentation = "PALETTE COLOR", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelData = np.full((2, 2), pixel, "<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [len(entries), 0, 8])
        setattr(data, f"{colour}PaletteColorLookupTableData", bytes(entries))
    data.save_as(sys.argv[1], enforce_file_format=True)
    read = pydicom.dcmread(sys.argv[1])
    by_pydicom = apply_color_lut(pixel_array(read), read)[0, 0, 0]
    by_highdicom = highdicom.imread(sys.argv[1]).get_frame(1)[0, 0, 0]
    return int(by_pydicom), int(by_highdicom)


short = colours(list(range(256)), 300)
long = colours([place // 16 for place in range(4096)], 4000)
print("256 entries, pixel 300: pydicom %d, highdicom %d" % short)
print("4096 entries, pixel 4000: pydicom %d, highdicom %d" % long)
assert short == (44, 255), "the value beyond a table of 256 entries changed"
assert long == (10, 250), "the value in a table of 4,096 entries changed"
PY
