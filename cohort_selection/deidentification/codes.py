"""Coded values that a copy may hold, with the meanings of the standard."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

GROUPS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "AnatomicRegionSequence": (4, 4009, 4016, 4029, 4030, 4031, 4209, 6300),
        "AnatomicRegionModifierSequence": (2, 244, 4005, 4017),
        "ViewCodeSequence": (4010, 4014, 6),
        "ViewModifierCodeSequence": (4011, 4015),
        "PatientOrientationCodeSequence": (19,),
        "PatientOrientationModifierCodeSequence": (20,),
        "PatientGantryRelationshipCodeSequence": (21,),
        "CTDIPhantomTypeCodeSequence": (4052,),
        "AcquisitionDeviceTypeCodeSequence": (4202,),
        "IlluminationTypeCodeSequence": (4203,),
        "LightPathFilterTypeStackCodeSequence": (4204,),
        "ImagePathFilterTypeStackCodeSequence": (4204,),
        "LensesCodeSequence": (4205,),
        "RelativeImagePositionCodeSequence": (4207,),
    }
)
"""The context groups (PS3.16) that each sequence may take its code from."""

MODIFIERS: Mapping[str, str] = MappingProxyType(
    {
        "AnatomicRegionSequence": "AnatomicRegionModifierSequence",
        "ViewCodeSequence": "ViewModifierCodeSequence",
        "PatientOrientationCodeSequence": "PatientOrientationModifierCodeSequence",
    }
)
"""The sequence of modifiers that may stand within a code, by the sequence of that code."""

_OLD_SCHEMES = frozenset({"SRT", "SNM3", "99SDM"})
# A former code that pydicom does not know the new one of: the postero-anterior view.
_UNMAPPED = {"R-10214": "272479007"}
# Regions of the body that the standard renamed: SNOMED's "structure" to the region of imaging.
_REPLACED = {"51185008": "816094009", "113345001": "818981001", "12921003": "816092008"}


def rebuilt(keyword: str, value: str, scheme: str) -> Dataset | None:
    """A code of ``keyword``'s groups as a new item; None for any other code.

    SNOMED's former codes (``T-04000``) are written as the concept that replaced them.
    """
    code = _concept(keyword, value, "SRT" if scheme in _OLD_SCHEMES else scheme)
    if code is None:
        return None
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


@lru_cache(maxsize=4096)
def _concept(keyword: str, value: str, scheme: str) -> Code | None:
    new_value = _UNMAPPED.get(value) if scheme == "SRT" else None
    asked = Code(value, scheme, "") if new_value is None else Code(new_value, "SCT", "")
    for old, new in _REPLACED.items():
        if asked == Code(old, "SCT", ""):
            asked = Code(new, "SCT", "")
    return next((code for code in _known(keyword) if code == asked), None)


@cache
def _known(keyword: str) -> tuple[Code, ...]:
    groups = (getattr(codes, f"cid{number}") for number in GROUPS[keyword])
    return tuple(getattr(group, name) for group in groups for name in group.dir())
