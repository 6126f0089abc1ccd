"""Writes small DICOM files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom

from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph

__all__ = ["uid", "write"]


def write(
    path: Path, name: str = "a", patient: str = "P1", study: str = "S1", **fields: object
) -> Path:
    """Write a 4 x 6 radiograph of an instance, patient and study of these names."""
    write_radiograph(
        path,
        Radiograph(
            pixels=np.arange(24, dtype=np.uint16).reshape(4, 6),
            study_uid=uid(study),
            series_uid=uid(study, "series"),
            instance_uid=uid(name),
            patient_id=patient,
            sex="Female",
            age=61,
            view="PA",
        ),
        "DX",
    )
    if fields:
        data = pydicom.dcmread(path)
        for keyword, value in fields.items():
            if value is None:
                del data[keyword]
            else:
                setattr(data, keyword, value)
        data.save_as(path)
    return path
