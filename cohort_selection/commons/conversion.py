"""Converts a folder of PNG or JPEG radiographs with a table to DICOM studies."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cohort_selection.atomic_files import replaced
from cohort_selection.commons.image_table import (
    ConversionError,
    PictureRow,
    agreement,
    one_row,
    read_image_table,
)
from cohort_selection.commons.radiograph import Modality, Radiograph, uid, write_radiograph
from cohort_selection.dicom.studies import Quarantined
from cohort_selection.tables.cell_words import joined

CLINICAL_COLUMNS = (
    "case_ids",
    "study_uid",
    "age_at_imaging",
    "sex",
    "race",
    "ethnicity",
    "site_id",
)
__all__ = ["ConversionError", "Imported", "import_images"]

_SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the images."""

    n_images: int
    n_studies: int
    n_patients: int
    dicom: Path
    clinical: Path
    quarantined: tuple[Quarantined, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Picture:
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    digest: str
    lossy_ratio: float | None


def import_images(
    directory: Path,
    metadata: Path,
    output: Path,
    *,
    modality: Modality = "DX",
    columns: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Write each image that the table names as a DICOM radiograph below ``output/dicom``.

    ``columns`` overrides the names found in the header (``{"image": "Image Index"}``; an empty
    name leaves a field out).  Rows of one picture, as in a table with a row for each finding or
    box, make one image with their findings joined by ``|``.  Rows of one patient with the same
    study value make one study; with no such column each image is a study.  ``output/clinical.csv``
    has one line a study, with MIDRC's names and every other column of the table as a finding
    (values that differ between the images of a study are joined by ``|``).  UIDs follow from the
    images' content: a second run writes the same bytes.  Images that are absent or cannot be read
    are listed in ``output/quarantine.csv``.

    Raises ``ConversionError`` where the table cannot be used, two of its rows contradict each
    other, or no image is left.
    """
    _refuse_to_overwrite(output)
    if not directory.is_dir():
        raise ConversionError(f"{directory} is not a folder; give the folder of the images")
    rows = read_image_table(metadata, columns or {})
    pictures, paths = _pictures(directory, metadata.name, rows)
    notes = _unmet(directory, pictures, paths)
    if not any(paths.values()):
        raise ConversionError(
            f"{metadata.name}: none of its {len(pictures)} images can be used; {notes[0]}"
        )
    if len(pictures) < len(rows):
        notes.append(_joined(len(rows), len(pictures)))
    written = _Written()
    with replaced(output) as folder:
        for members in _studies(pictures):
            kept: list[tuple[PictureRow, _Picture]] = []
            for row in members:
                found = _picture(directory, row, paths[row.line])
                if isinstance(found, Quarantined):
                    written.quarantined.append(found)
                else:
                    kept.append((row, found))
                written.done += 1
                if progress is not None:
                    progress(written.done, len(pictures))
            if kept:
                study = _study(metadata.name, [row for row, _ in kept])
                written.n_aged += len({row.age for row, _ in kept if row.age is not None}) > 1
                written.lines.append(_write_study(folder / "dicom", study, kept, modality))
                written.n_images += len(kept)
        if not written.lines:
            raise ConversionError(
                f"{metadata.name}: none of its {len(pictures)} images can be used; the first: "
                f"{written.quarantined[0].reason}"
            )
        _write_tables(folder, written.lines, written.quarantined)
    return written.told(output, notes)


def _joined(n_rows: int, n_pictures: int) -> str:
    return f"{n_rows} rows name {n_pictures} pictures; the findings of a picture's rows were joined"


@dataclass(slots=True)
class _Written:
    """What has been written so far; ``done`` pictures were looked at."""

    done: int = 0
    n_images: int = 0
    n_aged: int = 0
    lines: list[dict[str, str]] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)

    def told(self, output: Path, notes: Sequence[str]) -> Imported:
        """The result of the import."""
        aged = (
            f"in {self.n_aged} studies the ages of the images are a year apart; the lower was taken"
        )
        return Imported(
            n_images=self.n_images,
            n_studies=len(self.lines),
            n_patients=len({line["case_ids"] for line in self.lines}),
            dicom=output / "dicom",
            clinical=output / "clinical.csv",
            quarantined=tuple(self.quarantined),
            notes=(*notes, aged) if self.n_aged else tuple(notes),
        )


def _write_tables(
    folder: Path, lines: Sequence[dict[str, str]], quarantined: Sequence[Quarantined]
) -> None:
    _write_table(folder / "clinical.csv", lines)
    _write_table(
        folder / "quarantine.csv",
        [{"path": str(item.path), "reason": item.reason} for item in quarantined],
        header=("path", "reason"),
    )


def _refuse_to_overwrite(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ConversionError(f"{output} is a file; give a folder to write to")
    if not output.is_dir() or not any(output.iterdir()):
        return
    table = output / "clinical.csv"
    if (output / "dicom").is_dir() and table.is_file():
        with table.open(encoding="utf-8") as file:
            if file.readline().startswith(",".join(CLINICAL_COLUMNS)):
                return
    raise ConversionError(f"{output} is not empty and holds no imported commons; give a new folder")


# The table


def _pictures(
    directory: Path, table: str, rows: Sequence[PictureRow]
) -> tuple[list[PictureRow], dict[int, Path | None]]:
    """One row a picture, and the file of each by the row's line."""
    of_file: dict[Path | str, list[PictureRow]] = defaultdict(list)
    found: dict[str, Path | None] = {}
    for row in rows:
        if row.image not in found:
            found[row.image] = _locate(directory, row.image)
        of_file[found[row.image] or row.image].append(row)
    pictures = [one_row(table, _without_own_studies(same)) for same in of_file.values()]
    return pictures, {row.line: found[row.image] for row in pictures}


def _without_own_studies(rows: Sequence[PictureRow]) -> list[PictureRow]:
    """Give the rows of one picture one study.

    Where no column names a study, the picture's name does, with its suffix or without.
    """
    own = {row.image for row in rows}
    named = [row.study for row in rows if row.study not in own]
    study = named[0] if named else min(rows, key=lambda row: row.line).image
    return [replace(row, study=study) if row.study in own else row for row in rows]


def _unmet(
    directory: Path, pictures: Sequence[PictureRow], paths: Mapping[int, Path | None]
) -> list[str]:
    """How many pictures of the table are not there, with an example of each side."""
    lacking = [row for row in pictures if paths[row.line] is None]
    if not lacking:
        return []
    named = {path for path in paths.values() if path is not None}
    others = sorted(
        path.relative_to(directory)
        for path in directory.rglob("*")
        if path.suffix.lower() in _SUFFIXES and path not in named
    )
    said = (
        f"{len(lacking)} of the table's {len(pictures)} pictures are not in {directory}, as "
        f"{lacking[0].image!r} of line {lacking[0].line}"
    )
    if others:
        said += f"; {len(others)} files there are in no row, as {str(others[0])!r}"
    return [said]


def _studies(rows: Sequence[PictureRow]) -> list[list[PictureRow]]:
    """Rows of one study together, in an order that the table's order does not change."""
    gathered: dict[tuple[str, str], list[PictureRow]] = defaultdict(list)
    for row in rows:
        gathered[row.patient_id, row.study].append(row)
    return [
        sorted(gathered[key], key=lambda row: (row.image, row.line)) for key in sorted(gathered)
    ]


def _study(table: str, rows: Sequence[PictureRow]) -> PictureRow:
    """What all images of a study say of the patient and the place; ages may be a year apart.

    Raises ConversionError, naming both lines, where two images contradict each other.
    """
    ages = sorted({row.age for row in rows if row.age is not None})
    if len(ages) != 2 or ages[1] - ages[0] > 1:
        agreement(table, rows, "age", "study")
    said = {name: agreement(table, rows, name, "study") for name in _OF_STUDY}
    return replace(rows[0], **said, age=ages[0] if ages else None)  # type: ignore[arg-type]


_OF_STUDY = ("sex", "race", "ethnicity", "site")


# The images


def _picture(directory: Path, row: PictureRow, path: Path | None) -> _Picture | Quarantined:
    if path is None:
        return Quarantined(directory / row.image, f"named in line {row.line}, but not there")
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            image_format = image.format
            pixels = _grey(image, data)
    except UnidentifiedImageError:
        return Quarantined(path, "not an image that can be read; expected PNG or JPEG")
    except _Unfit as why:
        return Quarantined(path, str(why))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return Quarantined(path, f"damaged image: {error}")
    lossy = pixels.nbytes / len(data) if image_format in {"JPEG", "MPO"} else None
    return _Picture(pixels, hashlib.sha256(data).hexdigest(), lossy)


class _Unfit(ValueError):
    """Why an image cannot become a radiograph without loss."""


def _locate(directory: Path, name: str) -> Path | None:
    """The file a table names, with or without its suffix; never one outside ``directory``."""
    root = directory.resolve()
    for suffix in _SUFFIXES:
        path = directory / (name + suffix)
        if path.is_file() and path.resolve().is_relative_to(root):
            return path
    return None


def _grey(image: Image.Image, data: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """One grey value a pixel: 16 bit stay 16 bit, colour becomes luma, transparency is dropped."""
    # PNG's IHDR chunk: bit depth and colour type.  Pillow reads only grey at 16 bit without loss.
    if data.startswith(b"\x89PNG") and data[24] == 16 and data[25] != 0:
        raise _Unfit("a 16-bit PNG with colour or transparency; save it as 16-bit grey")
    if getattr(image, "n_frames", 1) > 1:
        raise _Unfit("an image of several frames; expected one")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        wide = np.asarray(upright)
        if wide.min() < 0 or wide.max() > 65535:
            raise _Unfit("grey values beyond 16 bit; save it as 8- or 16-bit grey")
        return wide.astype(np.uint16)
    if upright.mode == "F":
        raise _Unfit("grey values that are not whole numbers; save it as 8- or 16-bit grey")
    if upright.mode == "LA":
        upright = upright.getchannel("L")
    elif upright.mode != "L":
        upright = upright.convert("RGB").convert("L")
    return np.asarray(upright, dtype=np.uint8)


def _write_study(
    folder: Path,
    study: PictureRow,
    members: Sequence[tuple[PictureRow, _Picture]],
    modality: Modality,
) -> dict[str, str]:
    """Write one study's images and give its line of the clinical table."""
    first = members[0][0]
    study_uid = uid(
        "study", modality, first.patient_id, first.study, *(p.digest for _, p in members)
    )
    for number, (row, picture) in enumerate(members, start=1):
        rows, columns = picture.pixels.shape
        spacing = row.original_spacing
        if spacing is not None and row.original_shape is not None:
            spacing = (
                spacing[0] * row.original_shape[0] / rows,
                spacing[1] * row.original_shape[1] / columns,
            )
        instance_uid = uid("instance", study_uid, str(number))
        write_radiograph(
            folder / study_uid / f"{instance_uid}.dcm",
            Radiograph(
                pixels=picture.pixels,
                study_uid=study_uid,
                series_uid=uid("series", study_uid),
                instance_uid=instance_uid,
                patient_id=first.patient_id,
                sex=study.sex,
                age=study.age,
                view=row.view[:16],
                institution=study.site[:64],
                number=number,
                spacing_mm=spacing,
                lossy_ratio=picture.lossy_ratio,
            ),
            modality,
        )
    return {
        "case_ids": first.patient_id,
        "study_uid": study_uid,
        "age_at_imaging": "" if study.age is None else str(study.age),
        "sex": study.sex,
        "race": study.race,
        "ethnicity": study.ethnicity,
        "site_id": study.site,
    } | {name: joined([row.findings[name] for row, _ in members]) for name in first.findings}


def _write_table(
    path: Path, lines: Sequence[Mapping[str, str]], header: Sequence[str] = ()
) -> None:
    names = list(dict.fromkeys([*header, *(name for line in lines for name in line)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
