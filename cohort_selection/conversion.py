"""A folder of PNG or JPEG radiographs with a table, turned into a commons of DICOM studies."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cohort_selection import clinical_cells
from cohort_selection.atomic import replaced
from cohort_selection.dicom import Quarantined
from cohort_selection.radiograph import Modality, Radiograph, uid, write_radiograph

CLINICAL_COLUMNS = (
    "case_ids",
    "study_uid",
    "age_at_imaging",
    "sex",
    "race",
    "ethnicity",
    "site_id",
)
_SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


class ConversionError(ValueError):
    """A table or folder from which no commons can be made."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of the table says what; empty where none does."""

    image: str
    patient: str
    age: str = ""
    sex: str = ""
    race: str = ""
    ethnicity: str = ""
    view: str = ""
    site: str = ""
    study: str = ""
    spacing_x: str = ""
    spacing_y: str = ""
    original_width: str = ""
    original_height: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the images."""

    n_images: int
    n_studies: int
    n_patients: int
    dicom: Path
    clinical: Path
    quarantined: tuple[Quarantined, ...]


# Names in use by public sets (MIDRC, NIH ChestX-ray14, CheXpert, PadChest, VinDr, Cohen), compared
# in lower case with blanks and dashes as underscores; the first that the table has is taken.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "image": ("file", "filename", "file_name", "image", "image_index", "image_id", "path"),
    "patient": ("case_ids", "patient_id", "patientid", "patient", "subject_id"),
    "age": ("age_at_imaging", "age_at_index", "age", "patient_age", "patientage"),
    "sex": ("sex", "patient_sex", "patientsex", "gender", "patient_gender"),
    "race": ("race",),
    "ethnicity": ("ethnicity",),
    "view": ("view", "view_position", "viewposition", "projection"),
    "site": ("site_id", "site", "institution", "hospital"),
    "study": ("study_uid", "study_id", "studyid", "study", "follow_up", "follow_up_#", "offset"),
    "spacing_x": ("pixel_spacing_x_mm", "pixel_spacing_x", "originalimagepixelspacing[x"),
    "spacing_y": ("pixel_spacing_y_mm", "pixel_spacing_y", "y]"),
    "original_width": ("original_width", "originalimage[width"),
    "original_height": ("original_height", "height]"),
}


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    image: str
    patient_id: str
    study: str
    age: int | None
    sex: str
    race: str
    ethnicity: str
    view: str
    site: str
    original_spacing: tuple[float, float] | None  # between rows, between columns
    original_shape: tuple[int, int] | None  # rows, columns
    findings: dict[str, str]


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
    name leaves a field out).  Rows of one patient with the same study value make one study; with no
    such column each image is a study.  ``output/clinical.csv`` has one line a study, with MIDRC's
    names and every other column of the table as a finding (values that differ between the images
    of a study are joined by ``|``).  UIDs follow from the images' content: a second run writes the
    same bytes.  Images that are absent or cannot be read are listed in ``output/quarantine.csv``.

    Raises ``ConversionError`` where the table cannot be used or no image is left.
    """
    _refuse_to_overwrite(output)
    if not directory.is_dir():
        raise ConversionError(f"{directory} is not a folder; give the folder of the images")
    rows = _read_table(metadata, columns or {})
    quarantined: list[Quarantined] = []
    lines: list[dict[str, str]] = []
    n_images = done = 0
    with replaced(output) as folder:
        for members in _studies(rows):
            kept: list[tuple[_Row, _Picture]] = []
            for row in members:
                found = _picture(directory, row)
                if isinstance(found, Quarantined):
                    quarantined.append(found)
                else:
                    kept.append((row, found))
                done += 1
                if progress is not None:
                    progress(done, len(rows))
            if kept:
                lines.append(_write_study(folder / "dicom", kept, modality))
                n_images += len(kept)
        if not lines:
            raise ConversionError(
                f"{metadata.name}: none of its {len(rows)} images can be used; the first: "
                f"{quarantined[0].reason}"
            )
        _write_table(folder / "clinical.csv", lines)
        _write_table(
            folder / "quarantine.csv",
            [{"path": str(item.path), "reason": item.reason} for item in quarantined],
            header=("path", "reason"),
        )
    return Imported(
        n_images=n_images,
        n_studies=len(lines),
        n_patients=len({line["case_ids"] for line in lines}),
        dicom=output / "dicom",
        clinical=output / "clinical.csv",
        quarantined=tuple(quarantined),
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


def _read_table(metadata: Path, overrides: Mapping[str, str]) -> list[_Row]:
    try:
        text = metadata.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConversionError(f"{metadata}: no such file; give the table of the images") from error
    except UnicodeDecodeError as error:
        raise ConversionError(f"{metadata.name} is not UTF-8 text; save it as UTF-8") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter="\t" if "\t" in first else ",")
    header = [name.strip() for name in next(reader, [])]
    columns = _find_columns(metadata.name, header, overrides)
    rows: list[_Row] = []
    sexes: dict[str, tuple[str, int]] = {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise ConversionError(
                f"{metadata.name} line {reader.line_num}: {len(cells)} fields, but the header "
                f"names {len(header)} columns; quote the field that holds a separator"
            )
        line = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        row = _row(metadata.name, reader.line_num, line, columns)
        if row.sex != clinical_cells.NOT_REPORTED:
            sex, earlier = sexes.setdefault(row.patient_id, (row.sex, row.line))
            if sex != row.sex:
                raise ConversionError(
                    f"{metadata.name} line {row.line}: sex is {row.sex}, but line {earlier} says "
                    f"{sex} for the same patient; correct one of the two"
                )
        rows.append(row)
    if not rows:
        raise ConversionError(f"{metadata.name}: no rows; expected one line for each image")
    return rows


def _find_columns(table: str, header: Sequence[str], overrides: Mapping[str, str]) -> Columns:
    known = [field.name for field in fields(Columns)]
    for field in overrides:
        if field not in known:
            raise ConversionError(f"column map: {field!r} is unknown; expected {', '.join(known)}")
    normal = {name.lower().replace(" ", "_").replace("-", "_"): name for name in reversed(header)}
    found: dict[str, str] = {}
    for field in known:
        if field in overrides:
            name = overrides[field]
            if name and name not in header:
                raise ConversionError(
                    f"{table} line 1: no column {name!r} for the {field}; found {', '.join(header)}"
                )
            found[field] = name
            continue
        found[field] = next((normal[alias] for alias in _NAMES[field] if alias in normal), "")
    for field in ("image", "patient"):
        if not found[field]:
            raise ConversionError(
                f"{table} line 1: no column for the {field}; found {', '.join(header) or 'none'}; "
                f"name one {' or '.join(_NAMES[field][:3])}, or map it"
            )
    return Columns(**found)


def _row(table: str, number: int, line: Mapping[str, str], columns: Columns) -> _Row:
    place = f"{table} line {number}"

    def cell(column: str) -> str:
        return line.get(column, "") if column else ""

    image, patient_id = cell(columns.image), cell(columns.patient)
    if not image or not patient_id:
        raise ConversionError(f"{place}: no {'image' if not image else 'patient'}; fill the cell")
    used = set(asdict(columns).values())
    width, height = cell(columns.original_width), cell(columns.original_height)
    across, down = cell(columns.spacing_x), cell(columns.spacing_y)
    return _Row(
        line=number,
        image=image,
        patient_id=patient_id,
        study=cell(columns.study) if columns.study else image,
        age=clinical_cells.age(place, columns.age, cell(columns.age)),
        sex=clinical_cells.sex(place, cell(columns.sex)),
        race=clinical_cells.race(place, cell(columns.race)),
        ethnicity=clinical_cells.ethnicity(place, cell(columns.ethnicity)),
        view=cell(columns.view).upper().replace("?", ""),
        site=cell(columns.site),
        original_spacing=_positive_pair(place, down or across, across or down),
        original_shape=_shape(_positive_pair(place, height, width)),
        findings={name: text for name, text in line.items() if name and name not in used},
    )


def _positive_pair(place: str, first: str, second: str) -> tuple[float, float] | None:
    if not first or not second:
        return None
    try:
        pair = float(first), float(second)
    except ValueError:
        pair = (0.0, 0.0)
    if not (0 < pair[0] < 1e6 and 0 < pair[1] < 1e6):
        raise ConversionError(
            f"{place}: size or pixel spacing is {first!r}, {second!r}; expected numbers above 0, "
            "or nothing where unknown"
        )
    return pair


def _shape(pair: tuple[float, float] | None) -> tuple[int, int] | None:
    return None if pair is None else (round(pair[0]), round(pair[1]))


def _studies(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Rows of one study together, in an order that the table's order does not change."""
    gathered: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        gathered[row.patient_id, row.study].append(row)
    return [
        sorted(gathered[key], key=lambda row: (row.image, row.line)) for key in sorted(gathered)
    ]


# The images


def _picture(directory: Path, row: _Row) -> _Picture | Quarantined:
    path = _locate(directory, row.image)
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
    folder: Path, members: Sequence[tuple[_Row, _Picture]], modality: Modality
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
                sex=row.sex,
                age=row.age,
                view=row.view[:16],
                institution=row.site[:64],
                number=number,
                spacing_mm=spacing,
                lossy_ratio=picture.lossy_ratio,
            ),
            modality,
        )
    return {
        "case_ids": first.patient_id,
        "study_uid": study_uid,
        "age_at_imaging": _joined("" if row.age is None else str(row.age) for row, _ in members),
        "sex": _joined(row.sex for row, _ in members),
        "race": _joined(row.race for row, _ in members),
        "ethnicity": _joined(row.ethnicity for row, _ in members),
        "site_id": _joined(row.site for row, _ in members),
    } | {name: _joined(row.findings.get(name, "") for row, _ in members) for name in first.findings}


def _joined(values: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(value for value in values if value))


def _write_table(
    path: Path, lines: Sequence[Mapping[str, str]], header: Sequence[str] = ()
) -> None:
    names = list(dict.fromkeys([*header, *(name for line in lines for name in line)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
