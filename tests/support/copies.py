"""Copies of made images, and what a validator says of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from cohort_selection.deidentification.copy import deidentify
from tests.support.image_kinds import write

KEY = b"k" * 32


def copy_of(image: Dataset, tmp_path: Path) -> pydicom.FileDataset:
    """The copy of an image, read back; odd values may be written."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = write(image, tmp_path / "source.dcm")
        deidentify(source, tmp_path / "copy.dcm", KEY)
        return pydicom.dcmread(tmp_path / "copy.dcm")


def said(image: Dataset, name: str, text: str) -> None:
    """Give an element a text that need not be valid."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tag = Tag(name)
        raw = text.encode()
        image[tag] = pydicom.dataelem.RawDataElement(
            tag, dictionary_VR(tag), len(raw), raw + b" " * (len(raw) % 2), 0, False, True, True
        )
