"""Writes a catalog of many studies straight from columns, for measurements of what reads it.

    python -m perf.catalogs 1e6 FOLDER              in the present format
    python -m perf.catalogs 1e6 FOLDER --former     the same studies as version 1 had them

``benchmarks/simulated-opacity.toml`` fits it: sex, age, race, ethnicity, site, manufacturer and
the label ``opacity``. There are 0.8 patients a study; one study in twenty has no clinical record.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.study_table.parts import ROWS, PartWriter, write_list
from cohort_selection.study_table.schema import FINDING, HEADER, OF_RECORD, OTHERWISE, TESTS, schema
from perf.matching import pool

RACES = ("White", "Black or African American", "Asian", "American Indian or Alaska Native",
         "Native Hawaiian or other Pacific Islander", "Not Reported")  # fmt: skip
ETHNICITIES = ("Hispanic or Latino", "Not Hispanic or Latino", "Not Reported")
SEXES = ("Female", "Male", "Not Reported")
MAKERS = ("Corvane", "Medilux", "Ostra", "Halden")
YOUNGEST = (2, 18, 40, 50, 60, 75)
MODALITIES = ("DX", "CR", "CT", "MR")
FINDINGS = ("opacity", "severity_grade", "main_finding", "days_to_study", "note")
DEVICES = 48
OF_FORMER = (
    "study_uid", "patient_id", "modality", "body_part", "description", "loinc", "manufacturer",
    "view", "acquired", "sex", "age", "files", "fields", "loinc_name", "loinc_method",
    "loinc_system", "loinc_contrast", "born", "doubts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _People:
    """One row a patient, as codes."""

    sex: NDArray[np.int8]
    age: NDArray[np.int8]
    race: NDArray[np.int8]
    ethnicity: NDArray[np.int8]
    site: NDArray[np.int8]
    of_study: NDArray[np.int32]


def _people(n: int, seed: int) -> _People:
    patients = max(round(0.8 * n), 1)
    rng = np.random.default_rng([seed, 1])
    band, sex, race, ethnicity, _, _, site = pool(patients, seed)
    age = np.array(YOUNGEST, np.int8)[band] + rng.integers(0, 10, patients).astype(np.int8)
    again = rng.integers(0, patients, n - patients, np.int32)
    of_study = np.concatenate([np.arange(patients, dtype=np.int32), again])
    rng.shuffle(of_study)
    return _People(sex, age, race, ethnicity, site, of_study)


def _kinds() -> list[dict[str, list[str]]]:
    """Header fields of each device: with one image, then with two views."""
    rng = np.random.default_rng(5)
    made = []
    for device in range(DEVICES):
        fields = {
            "ImageType": ["DERIVED\\PRIMARY"],
            "SOPClassUID": ["1.2.840.10008.5.1.4.1.1.1.1"],
            "Modality": [MODALITIES[device % 2 if device < 40 else 2 + device % 2]],
            "Manufacturer": [MAKERS[device % 4]],
            "ManufacturerModelName": [f"Model {device}"],
            "BodyPartExamined": ["CHEST"],
            "KVP": [str(rng.integers(80, 125))],
            "PhotometricInterpretation": ["MONOCHROME2"],
            "TransferSyntaxUID": ["1.2.840.10008.1.2.1"],
        }
        for keyword in HEADER_FIELDS[12:40:2]:
            fields.setdefault(keyword, [str(rng.integers(0, 3000))])
        made.append(fields)
    one = [{**fields, "ViewPosition": ["PA" if i % 3 else "AP"]} for i, fields in enumerate(made)]
    two = [{**fields, "ViewPosition": ["AP", "PA"]} for fields in made]
    return one + two


def _text(levels: tuple[str, ...], codes: NDArray[np.generic]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(levels, pa.string()))


def _numbered(before: str, numbers: NDArray[np.integer], width: int, after: str = "") -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(before, digits, after, "")


def _batches(n: int, seed: int) -> Iterator[dict[str, pa.Array]]:
    """The columns of each part, with the kind of header beside them as ``kind``."""
    people, kinds = _people(n, seed), _kinds()
    for start in range(0, n, ROWS):
        rng = np.random.default_rng([seed, 2, start])
        who = people.of_study[start : start + ROWS]
        size = len(who)
        place = np.arange(start, start + size)
        uid = _numbered(
            "1.2.826.0.1.3680043.10.474.",
            10**17 + place * 10**10 + rng.integers(0, 10**10, size),
            18,
        )
        device = rng.integers(0, DEVICES, size)
        two = rng.random(size) < 0.3
        kind = device + DEVICES * two
        count = 1 + two
        starts = np.concatenate([[0], np.cumsum(count)])
        owner = np.repeat(np.arange(size), count)
        first = pa.array(np.arange(starts[-1]) - starts[owner] + 1).cast(pa.string())
        files = pc.binary_join_element_wise(
            "/data/commons/images", uid.take(pa.array(owner)), pc.utf8_lpad(first, 3, "0"), "/"
        )
        recorded = rng.random(size) < 0.95
        opacity = rng.random(size) < 0.1 + 0.04 * people.race[who] + 0.003 * people.age[who]
        day = rng.integers(0, 1000, size)
        dates = pa.array(np.datetime64("2020-01-01") + day).cast(pa.string())
        absent = pa.array(~recorded)

        def said(column: pa.Array, absent: pa.Array = absent) -> pa.Array:
            return pc.if_else(absent, pa.scalar(None, column.type), column)

        def field(name: str, kind: NDArray[np.integer] = kind) -> pa.Array:
            lists = pa.array([each.get(name) for each in kinds], pa.list_(pa.string()))
            return lists.take(pa.array(kind))

        def over_kinds(name: str, kind: NDArray[np.integer] = kind) -> pa.Array:
            return _text(tuple(",".join(each[name]) for each in kinds), kind)

        empty = _text(("",), np.zeros(size))
        tests = rng.random(size) < 0.2
        test = pa.StructArray.from_arrays(
            [
                _text(("Negative", "Positive"), rng.integers(0, 2, tests.sum())).cast(pa.string()),
                pa.array(rng.integers(-20, 20, tests.sum()), pa.int32()),
                pa.array(np.ones(tests.sum(), bool)),
            ],
            fields=list(TESTS.value_type),
        )
        yield {
            "study_uid": uid,
            "patient_id": _numbered("RSCH-", who, 9),
            "modality": over_kinds("Modality"),
            "body_part": over_kinds("BodyPartExamined"),
            "description": _text(("XR CHEST PA", "CHEST 2 VIEWS", "Thorax"), device % 3),
            **dict.fromkeys(
                ("loinc", "loinc_name", "loinc_method", "loinc_system", "loinc_contrast", "born"),
                empty,
            ),
            "manufacturer": over_kinds("Manufacturer"),
            "view": over_kinds("ViewPosition"),
            "acquired": dates,
            "sex": _text(SEXES, people.sex[who]),
            "age": pa.array(people.age[who], pa.int16()),
            "doubts": pa.array([[]], pa.list_(pa.string())).take(pa.array(np.zeros(size, int))),
            "files": pa.ListArray.from_arrays(pa.array(starts, pa.int32()), files),
            "images": pa.array(count, pa.int32()),
            **{name: field(name) for name in HEADER_FIELDS},
            **{HEADER + name: pa.nulls(size, pa.string()) for name in OTHERWISE},
            "recorded": pa.array(recorded),
            "record.age": said(pa.array(people.age[who], pa.int16())),
            "record.sex": said(_text(SEXES, people.sex[who])),
            "record.race": said(_text(RACES, people.race[who])),
            "record.ethnicity": said(_text(ETHNICITIES, people.ethnicity[who])),
            "record.site": said(_text(tuple(f"site {i}" for i in range(12)), people.site[who])),
            "record.tests": said(
                pa.ListArray.from_arrays(
                    pa.array(np.concatenate([[0], np.cumsum(tests)]), pa.int32()), test
                ),
            ),
            FINDING + "opacity": said(_text(("0", "1"), opacity)),
            FINDING + "severity_grade": said(_text(("0", "1", "2", "3"), opacity * (day % 4))),
            FINDING + "main_finding": said(_text(("none", "opacity"), opacity)),
            FINDING + "days_to_study": said(_text(tuple(map(str, range(1000))), day)),
            FINDING + "note": said(empty),
            "kind": pa.array(kind),
        }


def write_catalog(folder: Path, n: int, seed: int = 0) -> None:
    """Write ``n`` studies as a catalog of the present version; memory holds one part."""
    folder.mkdir(parents=True)
    writer = PartWriter(folder, FINDINGS)
    names = schema(FINDINGS).names
    for columns in _batches(n, seed):
        writer.write(pa.table({name: columns[name] for name in names}))
    writer.close()
    write_list(folder, FINDINGS, writer.parts)
    _write_quarantine(folder)


def write_former_catalog(folder: Path, n: int, seed: int = 0) -> None:
    """Write the same studies as version 1 had them: studies, records, quarantine."""
    folder.mkdir(parents=True)
    pairs = pa.map_(pa.string(), pa.list_(pa.string()))
    fields = pa.array([list(kind.items()) for kind in _kinds()], pairs)
    studies = records = None
    for columns in _batches(n, seed):
        table = pa.table(
            {
                name: fields.take(columns["kind"]) if name == "fields" else _plain(columns[name])
                for name in OF_FORMER
            }
        )
        findings = [_plain(columns[FINDING + name]) for name in FINDINGS]
        size = len(columns["kind"])
        keys = np.tile(np.arange(len(FINDINGS), dtype=np.int32), size)
        values = pa.chunked_array(findings).combine_chunks()
        by_study = np.arange(size * len(FINDINGS)).reshape(len(FINDINGS), size).T.ravel()
        said = pa.MapArray.from_arrays(
            pa.array(np.arange(size + 1, dtype=np.int32) * len(FINDINGS)),
            pa.array(FINDINGS).take(pa.array(keys)),
            values.take(pa.array(by_study)),
        )
        record = pa.table(
            {
                "patient_id": columns["patient_id"],
                "study_uid": columns["study_uid"],
                **{
                    name.partition(".")[2]: _plain(columns[name])
                    for name, _ in OF_RECORD
                    if "." in name
                },
                "findings": said,
            }
        ).filter(columns["recorded"])
        if studies is None or records is None:
            studies = pq.ParquetWriter(
                folder / "studies.parquet",
                table.schema.with_metadata({"sequestra.linked": "yes"}),
            )
            records = pq.ParquetWriter(folder / "records.parquet", record.schema)
        studies.write_table(
            table.replace_schema_metadata({"sequestra.linked": "yes"}), row_group_size=1 << 16
        )
        records.write_table(record, row_group_size=1 << 16)
    if studies is not None and records is not None:
        studies.close()
        records.close()
    _write_quarantine(folder)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _write_quarantine(folder: Path) -> None:
    with (folder / "quarantine.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(["path", "reason"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", type=float)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--former", action="store_true", help="as version 1 had them")
    arguments = parser.parse_args()
    write = write_former_catalog if arguments.former else write_catalog
    write(arguments.folder, int(arguments.studies))


if __name__ == "__main__":
    main()
