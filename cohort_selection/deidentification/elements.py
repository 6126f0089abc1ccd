"""Copies the elements of one file: each by its rule, or not at all."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from pydicom.charset import default_encoding
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from cohort_selection.deidentification.codes import MODIFIERS, rebuilt
from cohort_selection.deidentification.needed import NEEDED, Unfit
from cohort_selection.deidentification.numbers import NoNumber, decimal
from cohort_selection.deidentification.rules import (
    BARE_ITEM,
    BULK,
    CODES,
    ITEMS,
    NO_ITEM,
    OF_IMAGE,
    PALETTES,
    POINTER,
    RENEWED,
    RULES,
    WITHIN_ITEMS,
    Binary,
    Constant,
    Decimals,
    Keep,
    Rule,
    Wholes,
)
from cohort_selection.pixels.intensities import unfolded_palette


class ValueLost(ValueError):
    """A value that a picture depends on and that a copy cannot hold."""


# What a picture depends on: it is copied, or the image is refused.
_ESSENTIAL = frozenset(name for name, need in NEEDED.items() if need.unfit is Unfit.REFUSED)
# Of these one says nothing without the others.
_TOGETHER = (("WindowCenter", "WindowWidth"), ("LUTDescriptor", "LUTData"), PALETTES)
_TABLES = [("LUTDescriptor", "LUTData")] + [
    (name, name.replace("Descriptor", "Data")) for name in PALETTES if name.endswith("Descriptor")
]
_CODE = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "US or SS": "H"}
_STORED_AS_NUMBERS = frozenset((*_CODE, "OB", "OW", "OF", "OD", "OL", "OV", "SV", "UV", "AT", "SQ"))
_DIGITS = 12  # of a binary number that was measured
_LONGEST_SHOWN = 40


class Copier:
    """Copies the elements of one file; names within it are numbered in the order they come.

    ``renewed`` gives the UID that stands for another. ``syntax`` is how the file is written.
    """

    def __init__(self, renewed: Callable[[str], str], syntax: UID) -> None:
        """Begin a file; nothing of it is copied yet."""
        self._renewed = renewed
        self._compressed = syntax.is_compressed
        self._encoding = (syntax.is_implicit_VR, syntax.is_little_endian)
        self._numbers: dict[str, str] = {}

    def copied(self, original: Dataset) -> Dataset:
        """What a copy keeps of a file. Raises ValueLost."""
        if original.get("PhotometricInterpretation") == "PALETTE COLOR":
            _unfold_palette(original)
        kept = self._kept(original, _rules(within=False))
        _leave_out_unclear_dimensions(kept)
        if str(kept.get("PhotometricInterpretation", "")).startswith("MONOCHROME") and kept.get(
            "PixelPresentation"
        ) not in {"COLOR", "MIXED"}:
            for name in PALETTES:  # they say nothing of such an image
                kept.pop(name, None)
        return kept

    def _kept(self, original: Dataset, rules: Mapping[int, tuple[str, Rule]]) -> Dataset:
        kept = Dataset()
        if original.original_encoding == self._encoding:
            # Spares the writer a second reading; a copy has no character but ASCII's.
            kept.set_original_encoding(*self._encoding, default_encoding)
        lost: set[str] = set()
        for tag in original.keys():  # noqa: SIM118 - a data set's iterator reads each element
            found = rules.get(tag)
            if found is None:
                continue
            keyword, rule = found
            try:
                element = self._element(original, tag, keyword, rule)
            except NoNumber as error:
                if keyword in _ESSENTIAL:
                    raise ValueLost(f"has the {keyword} {error}") from error
                element = None
            if element is not None:
                kept[tag] = element
            elif keyword in _ESSENTIAL:
                raise ValueLost(f"has the {keyword} {_shown(original, tag)}")
            elif getattr(rule, "emptied", False):
                kept[tag] = _raw(tag, dictionary_VR(tag), b"")
            else:
                lost.add(keyword)
        lost.update(name for pair in _TABLES for name in pair if not _fits(kept, *pair))
        _leave_out_halves(kept, lost)
        return kept

    def _element(
        self, original: Dataset, tag: BaseTag, keyword: str, rule: Rule
    ) -> DataElement | RawDataElement | None:
        """The element that stands for one of the source; None where it cannot stay."""
        if isinstance(rule, Keep):
            return self._kept_by_name(original, tag, keyword, rule)
        if isinstance(rule, Constant):
            return _text(tag, [rule.text])
        if isinstance(rule, Binary):
            return _binary(original, tag, rule)
        texts = _texts(original, tag)
        if not any(texts):
            return _raw(tag, dictionary_VR(tag), b"")
        if isinstance(rule, Decimals | Wholes):
            while len(texts) > rule.several and not texts[-1]:
                texts.pop()  # some devices write a mark between numbers behind the last one too
        cleaned = rule.clean(texts)
        return None if cleaned is None else _text(tag, cleaned)

    def _kept_by_name(
        self, original: Dataset, tag: BaseTag, keyword: str, rule: Keep
    ) -> DataElement | RawDataElement | None:
        if rule is BULK:
            return self._bulk(original, tag, keyword)
        if rule is POINTER:
            return _pointer(original, tag, keyword)
        if rule in {NO_ITEM, BARE_ITEM}:
            return DataElement(tag, "SQ", DicomSequence([Dataset()] if rule is BARE_ITEM else []))
        if rule in {ITEMS, CODES}:
            items = original[tag].value
            if original[tag].VR != "SQ":
                return None
            if rule is CODES:
                made = _codes(keyword, items)
            else:
                made = [self._kept(item, _rules(within=True)) for item in items]
                if keyword == "ModalityLUTSequence" and any("LUTData" not in item for item in made):
                    return None
            if items and not any(map(len, made)):
                return None
            return DataElement(tag, "SQ", DicomSequence(made))
        texts = [text for text in _texts(original, tag) if text]
        if rule is RENEWED:
            return _text(tag, [self._renewed(text) for text in texts])
        for text in texts:
            self._numbers.setdefault(text, str(len(self._numbers) + 1))
        return _text(tag, [self._numbers[text] for text in texts[:1]])

    def _bulk(self, original: Dataset, tag: BaseTag, keyword: str) -> RawDataElement | None:
        element = original.get_item(tag)
        if not isinstance(element, RawDataElement):
            return None
        if keyword == "PixelData" and self._compressed:
            return element._replace(VR="OB")
        if keyword.startswith("ExtendedOffsetTable") and not self._has_offsets(original):
            return None
        return element

    def _has_offsets(self, original: Dataset) -> bool:
        """Whether both tables of offsets have the 8 bytes for each frame that they must have."""
        size = 8 * int(original.get("NumberOfFrames") or 1)
        tables = map(original.get_item, ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"))
        return self._compressed and all(
            table is not None and len(table.value or b"") == size for table in tables
        )


@cache
def _rules(*, within: bool) -> Mapping[int, tuple[str, Rule]]:
    """Tag -> keyword and rule, of the file itself or within an item of a sequence."""
    found = {}
    rules = {name: RULES[name] for name in RULES if name not in OF_IMAGE} if within else RULES
    for keyword, rule in (rules | (WITHIN_ITEMS if within else {})).items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise KeyError(keyword)
        found[tag] = (keyword, rule)
    return found


def _texts(original: Dataset, tag: BaseTag) -> list[str]:
    """The values of an element as text, each without the blanks around it; none where empty."""
    element = original.get_item(tag)
    if isinstance(element, RawDataElement) and element.VR not in _STORED_AS_NUMBERS:
        value = (element.value or b"").decode("latin-1")
        return [part.strip(" \0") for part in value.split("\\")] if value else []
    value = original[tag].value
    if value is None:
        return []
    several = not isinstance(value, str) and hasattr(value, "__iter__")
    return [str(part).strip(" \0") for part in (value if several else [value])]


def _shown(original: Dataset, tag: BaseTag) -> str:
    if dictionary_VR(tag) == "SQ":
        return "whose table is not as long as it says"
    return repr("\\".join(_texts(original, tag))[:_LONGEST_SHOWN])


def _text(tag: BaseTag, texts: Sequence[str]) -> RawDataElement:
    vr = dictionary_VR(tag)
    value = "\\".join(texts).encode("ascii")
    return _raw(tag, vr, value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2))


def _raw(tag: BaseTag, vr: str, value: bytes, *, little_endian: bool = True) -> RawDataElement:
    return RawDataElement(tag, vr, len(value), value, 0, False, little_endian, True)


def _binary(original: Dataset, tag: BaseTag, rule: Binary) -> RawDataElement | None:
    """A binary number, or several, as they are; of measured ones twelve digits."""
    stated = dictionary_VR(tag)
    element = original.get_item(tag)
    if isinstance(element, RawDataElement) and element.VR in {None, "UN", *stated.split(" or ")}:
        vr = element.VR if element.VR in _CODE else stated
        order = "<" if element.is_little_endian else ">"
        value, size = element.value or b"", struct.calcsize(_CODE[vr])
        if len(value) % size:
            return None
        numbers = struct.unpack(f"{order}{len(value) // size}{_CODE[vr]}", value)
    else:  # stored in another way than the standard's
        vr, order = stated, "<" if original.original_encoding[1] is not False else ">"
        numbers = tuple(decimal(text) for text in _texts(original, tag))
        if vr not in {"FL", "FD"}:
            numbers = tuple(map(int, numbers))
    if len(numbers) > rule.several:
        return None
    if not all(math.isfinite(number) and abs(number) <= rule.limit for number in numbers):
        return None
    if vr == "FD":
        numbers = tuple(float(f"{number:.{_DIGITS}g}") for number in numbers)
    if vr == "US or SS":
        vr = "SS" if any(number < 0 for number in numbers) else "US"
    try:
        value = struct.pack(f"{order}{len(numbers)}{_CODE[vr]}", *numbers)
    except struct.error:  # out of the range of its kind
        return None
    return _raw(tag, vr, value, little_endian=order == "<")


def _pointer(original: Dataset, tag: BaseTag, keyword: str) -> RawDataElement | None:
    """Which attributes count the frames: those of the standard alone, and kept ones."""
    try:
        value = original[tag].value
        tags = [BaseTag(one) for one in ([value] if isinstance(value, int) else value or ())]
    except (TypeError, ValueError):  # it was not stored as a tag
        return None
    if not tags:
        return None
    for one in tags:
        known = keyword_for_tag(one)
        if not known or (keyword == "FrameIncrementPointer" and known not in RULES):
            return None
    little_endian = original.original_encoding[1] is not False
    order = "<HH" if little_endian else ">HH"
    packed = b"".join(struct.pack(order, one.group, one.element) for one in tags)
    return _raw(tag, "AT", packed, little_endian=little_endian)


def _codes(keyword: str, items: Sequence[Dataset]) -> list[Dataset]:
    """The codes among ``items`` that belong to ``keyword``'s groups, with their modifiers."""
    made = []
    for item in items:
        code = rebuilt(keyword, _said(item, "CodeValue"), _said(item, "CodingSchemeDesignator"))
        if code is None:
            continue
        modifier = MODIFIERS.get(keyword)
        if modifier is not None and modifier in item:
            setattr(code, modifier, _codes(modifier, item[modifier].value))
        made.append(code)
    return made


def _said(item: Dataset, keyword: str) -> str:
    return str(item.get(keyword) or "").strip()


def _unfold_palette(original: Dataset) -> None:
    """Give a palette that is stored in segments its plain tables. Raises ValueLost."""
    if "RedPaletteColorLookupTableData" in original or (
        "SegmentedRedPaletteColorLookupTableData" not in original
    ):
        return
    try:
        colours = unfolded_palette(original)
    except Exception as error:  # pydicom promises no closed list of errors for a broken one
        raise ValueLost(f"has a palette in segments that cannot be read ({error})") from error
    little_endian = original.original_encoding[1] is not False
    tables = colours.astype(colours.dtype.newbyteorder("<" if little_endian else ">"))
    for colour, table in zip(("Red", "Green", "Blue"), tables.T, strict=True):
        tag = BaseTag(tag_for_keyword(f"{colour}PaletteColorLookupTableData") or 0)
        content = table.tobytes()
        original[tag] = _raw(
            tag, "OW", content + b"\0" * (len(content) % 2), little_endian=little_endian
        )


def _fits(kept: Dataset, descriptor: str, data: str) -> bool:
    """Whether a table is as long as its descriptor says; true where there is neither."""
    if descriptor not in kept or data not in kept:
        return descriptor not in kept and data not in kept
    described, table = (kept.get_item(name) for name in (descriptor, data))
    if described is None or table is None or len(described.value or b"") != 6:
        return False
    order = "<" if described.is_little_endian else ">"
    entries = struct.unpack(order + "H", described.value[:2])[0] or 1 << 16
    return len(table.value or b"") in {entries, entries + entries % 2, 2 * entries}


def _leave_out_halves(kept: Dataset, lost: set[str]) -> None:
    """Leave out what says nothing without something that was lost. Raises ValueLost."""
    for names in _TOGETHER:
        if lost.isdisjoint(names):
            continue
        if names is PALETTES and kept.get("PhotometricInterpretation") == "PALETTE COLOR":
            raise ValueLost("has a palette that is not as long as it says")
        for name in names:
            kept.pop(name, None)


def _leave_out_unclear_dimensions(kept: Dataset) -> None:
    """Leave out the frames' dimensions where one is counted by a maker's own attribute."""
    dimensions = kept.get("DimensionIndexSequence") or ()
    if all("DimensionIndexPointer" in item for item in dimensions):
        return
    del kept.DimensionIndexSequence
    for frame in kept.get("PerFrameFunctionalGroupsSequence") or ():
        for content in frame.get("FrameContentSequence") or ():
            content.pop("DimensionIndexValues", None)
