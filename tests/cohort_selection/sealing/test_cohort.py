"""The seal: nothing of the patient survives, no bit can change, and half a cohort is none."""

from __future__ import annotations

import csv
import io
import json
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.config import disable_value_validation
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from cohort_selection.cases import Case
from cohort_selection.deidentification.copy import DeidentificationError
from cohort_selection.matching.target import Target
from cohort_selection.pixels.picture import pixel_digest
from cohort_selection.sealing.cohort import CohortError, open_cohort, seal, verify
from cohort_selection.sealing.key import KEY_VARIABLE, SealingKeyError
from cohort_selection.sequestration.open_list import read_open, write_open
from tests.support.repository import REPOSITORY
from tests.support.small_commons import SECRET, sealed, small_commons


@pytest.fixture(autouse=True)
def no_configured_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_cases_come_back_with_labels_attributes_and_their_own_pixels(tmp_path: Path) -> None:
    cases = small_commons(tmp_path / "commons")
    cohort = open_cohort(sealed(tmp_path, cases).directory)
    assert (cohort.n_cases, cohort.n_patients) == (8, 4)
    assert cohort.target == {"sex": {"Female": 0.5, "Male": 0.5}}
    assert cohort.criteria == {"label": "opacity"}
    assert tuple(cohort.cases()[0].attributes) == ("sex", "view", "age_group")
    source_of = {case.case_id: case for case in cases}
    sources = cohort.sources()
    patients = {}
    for case in cohort.cases():
        source = source_of[sources[case.case_id][0]]
        assert case.label == source.label
        assert dict(case.attributes) == dict(source.attributes)
        assert {pixel_digest(f) for f in case.files} == {pixel_digest(f) for f in source.files}
        patients[case.patient_id] = source.patient_id
    assert len(set(patients.values())) == len(patients) == 4


def test_nothing_of_patient_hospital_or_label_is_left_in_any_byte_or_name(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    originals = {
        str(pydicom.dcmread(file).get(name))
        for file in (tmp_path / "commons").iterdir()
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    }
    for path in cohort.directory.rglob("*"):
        assert SECRET.lower() not in str(path.relative_to(cohort.directory)).lower()
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.lower().encode() not in content.lower()
            assert not any(uid.encode() in content for uid in originals)
    for case in cohort.cases():
        for file in case.files:
            image = pydicom.dcmread(file)
            assert image.PatientID == ""
            assert image.StudyDate == ""
            assert image.PatientSex == ""
            assert image.PatientIdentityRemoved == "YES"
            assert [e for e in image if e.tag.is_private or e.tag.group == 0x6000] == []
            assert {"PatientAge", "StudyDescription", "BodyPartExamined"}.isdisjoint(image.dir())
            assert image.ViewPosition == "PA"


def test_ids_order_sizes_and_times_say_nothing_of_the_label(tmp_path: Path) -> None:
    """All files alike but for pixels and UIDs; the order is drawn, not the source's."""
    cases = small_commons(tmp_path / "commons", 40)
    cohort = sealed(tmp_path, cases)
    drawn = cohort.cases()
    assert {f.stat().st_mtime_ns for case in drawn for f in case.files} == {946684800 * 10**9}
    assert {f.name for case in drawn for f in case.files} == {"0001.dcm", "0002.dcm"}
    labels = np.array([case.label for case in drawn])
    # Position against label: the Mann-Whitney share of 20 x 20 pairs, sd 0.092 under chance.
    after = np.mean([p > q for p in np.flatnonzero(labels) for q in np.flatnonzero(1 - labels)])
    assert 0.5 - 3.5 * 0.092 < after < 0.5 + 3.5 * 0.092
    sources = cohort.sources()
    order = [sources[case.case_id][0] for case in drawn]
    assert order != sorted(order)


def test_a_submission_sees_ids_of_its_own_and_only_what_it_may_see(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    first, second = cohort.blinded(b"a" * 32, ["view"]), cohort.blinded(b"b" * 32)
    assert cohort.blinded(b"a" * 32, ["view"]) == first
    assert {case.case_id for case in first}.isdisjoint({case.case_id for case in second})
    assert all(dict(case.attributes) == {"view": "PA"} for case in first)
    assert all(dict(case.attributes) == {} for case in second)
    assert not any(case.case_id in {c.case_id for c in cohort.cases()} for case in first)
    key = cohort.unblind(b"a" * 32)
    assert {key[case.case_id].case_id for case in first} == {c.case_id for c in cohort.cases()}
    assert all(set(key[case.case_id].files) == set(case.files) for case in first)
    assert [key[c.case_id].case_id for c in first] != [
        cohort.unblind(b"b" * 32)[c.case_id].case_id for c in second
    ]
    with pytest.raises(CohortError, match="no attribute 'race' to show to a model; they have sex"):
        cohort.blinded(b"a" * 32, ["race"])


def test_the_digest_covers_the_cases_and_not_the_hour_of_sealing(tmp_path: Path) -> None:
    cases = small_commons(tmp_path / "commons")
    first = sealed(tmp_path, cases)
    again = seal(
        list(reversed(cases)),
        tmp_path / "enclave" / "copy",
        name="chest",
        seed=7,
        criteria={"label": "opacity"},
        target=Target({"sex": {"Female": 0.5, "Male": 0.5}}),
        report={"note": 1},
    )
    assert again.digest == first.digest
    assert verify(again) == []
    flipped = [
        Case(c.case_id, c.patient_id, c.files, c.label ^ (i == 0), c.attributes)
        for i, c in enumerate(cases)
    ]
    assert sealed(tmp_path, flipped, "other").digest != first.digest


def test_verify_finds_a_single_flipped_bit_wherever_it_is(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    assert verify(cohort) == []
    rng = np.random.default_rng(0)
    for path in [p for p in cohort.directory.rglob("*") if p.is_file()]:
        whole, mode = path.read_bytes(), path.stat().st_mode
        path.chmod(0o600)
        for bit in [0, 8 * len(whole) - 1, *rng.integers(0, 8 * len(whole), 6).tolist()]:
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            assert verify(cohort), f"bit {bit} of {path.name}"
        path.write_bytes(whole)
        path.chmod(mode)
    assert verify(cohort) == []


def test_verify_finds_what_is_missing_added_or_swapped(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    images = cohort.directory / "images"
    one, two = images / "case-000001" / "0001.dcm", images / "case-000002" / "0001.dcm"
    extra = images / "case-000001" / "0003.dcm"
    extra.write_bytes(one.read_bytes())
    assert verify(cohort) == ["images/case-000001/0003.dcm was not there when it was sealed"]
    extra.unlink()
    one.rename(tmp_path / "kept")
    assert verify(cohort) == ["images/case-000001/0001.dcm is missing"]
    two.rename(one)
    (tmp_path / "kept").rename(two)
    assert len(verify(cohort)) == 2


def test_a_manifest_rewritten_with_a_matching_digest_is_still_found(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    manifest = cohort.directory / "manifest.json"
    content = json.loads(manifest.read_text())
    content["seed"] = 8
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(content, sort_keys=True, separators=(",", ":")))
    assert verify(cohort) == ["manifest.json was changed since it was sealed"]
    with pytest.raises(CohortError, match="does not bear the seal of this key"):
        open_cohort(cohort.directory)


def test_labels_are_unreadable_without_the_key_and_private_on_disk(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    table = cohort.directory / "reference" / "labels.sealed"
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert b"label" not in table.read_bytes()
    key = tmp_path / "enclave" / "enclave.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.rename(tmp_path / "elsewhere")
    with pytest.raises(SealingKeyError, match=r"enclave\.key is not there; put it back"):
        cohort.cases()
    key.write_text("ab" * 32)
    key.chmod(0o600)
    with pytest.raises(CohortError, match="is not the key it was sealed with"):
        open_cohort(cohort.directory)
    key.chmod(0o644)
    with pytest.raises(SealingKeyError, match=r"\(mode 0644\); run chmod 600"):
        open_cohort(cohort.directory)


def test_the_key_may_come_from_a_path_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "vault" / "key"))
    cohort = sealed(tmp_path)
    assert verify(cohort) == []
    assert not (tmp_path / "enclave" / "enclave.key").exists()


def test_contradictions_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    cases = small_commons(tmp_path / "commons")
    first = cases[0]
    twice = Case(first.case_id, first.patient_id, first.files, 1 - first.label, first.attributes)
    for wrong, message in [
        ([*cases, twice], "one case id has two labels"),
        ([*cases, first], "1 case ids stand more than once"),
        ([Case("a", "p", (), 0, {})], "a case has no image file"),
        ([Case("a", "p", first.files, 2, {})], "a case has the label 2"),
        ([*cases, Case("a", "p", first.files, 0, {})], "do not all carry the same attributes"),
    ]:
        with pytest.raises(CohortError, match=message):
            sealed(tmp_path, wrong)
    assert not (tmp_path / "enclave" / "chest").exists()
    sealed(tmp_path, cases)
    with pytest.raises(CohortError, match="is already there; a sealed cohort is never replaced"):
        sealed(tmp_path, cases)


def test_an_image_that_cannot_be_read_stops_the_seal_and_leaves_nothing(tmp_path: Path) -> None:
    cases = small_commons(tmp_path / "commons")
    cases[5].files[0].write_bytes(b"PK\3\4 not dicom")
    with pytest.raises(DeidentificationError, match=r"cannot be read as DICOM|has no pixel data"):
        sealed(tmp_path, cases)
    assert {path.name for path in (tmp_path / "enclave").iterdir()} == {"enclave.key"}


def test_a_full_disk_is_an_error_of_the_disk_and_leaves_nothing(tmp_path: Path) -> None:
    """The kernel refuses the write, as a full disk does: a limit on the size of a file."""
    cases = small_commons(tmp_path / "commons")
    script = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(REPOSITORY)!r})
from cohort_selection.sealing.cohort import seal
from cohort_selection.sequestration.open_list import read_open
root = Path({str(tmp_path)!r})
cases = read_open(root / "open.csv")
resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))
try:
    seal(cases, root / "enclave" / "chest", name="chest", seed=7, criteria={{}}, target=None)
except OSError as error:
    print(error.strerror)
"""
    write_open(tmp_path / "open.csv", cases, ["sex"])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "File too large"
    assert {path.name for path in (tmp_path / "enclave").iterdir()} == {"enclave.key"}


def test_killed_half_way_nothing_is_left_that_opens(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path.cwd())!r})
from tests.support.small_commons import small_commons
from cohort_selection.sealing.cohort import seal
root = Path({str(tmp_path)!r})
def slow(done, total):
    print(done, flush=True)
    time.sleep(0.2)
seal(small_commons(root / "commons"), root / "enclave" / "chest", name="chest", seed=7,
     criteria={{}}, target=None, progress=slow)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=REPOSITORY)
    with child:
        assert child.stdout is not None
        while child.stdout.readline().strip() != b"3":
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    time.sleep(0.05)
    left = [path for path in (tmp_path / "enclave").iterdir() if path.is_dir()]
    assert left
    for folder in [*left, tmp_path / "enclave" / "chest"]:
        with pytest.raises(CohortError, match="is not a sealed cohort"):
            open_cohort(folder)
    again = sealed(tmp_path, small_commons(tmp_path / "again"))
    assert verify(again) == []
    assert {p.name for p in (tmp_path / "enclave").iterdir()} == {"chest", "enclave.key"}


@pytest.mark.realdata
def test_real_images_of_every_transfer_syntax_keep_their_pixels_and_lose_their_words(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "dicom"
    with (folder / "index.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["decoded_sha256_le"]]
    cases = [
        Case(row["file"], row["file"], (folder / row["file"],), i % 2, {"sex": row["patient_sex"]})
        for i, row in enumerate(rows)
    ]
    cohort = sealed(tmp_path, cases)
    assert verify(cohort) == []
    sources = cohort.sources()
    by_name = {row["file"]: row for row in rows}
    assert len({row["transfer_syntax_uid"] for row in rows}) >= 6
    for case in cohort.cases():
        row = by_name[sources[case.case_id][0]]
        original = pydicom.dcmread(folder / row["file"], force=True)
        copy = pydicom.dcmread(case.files[0])
        assert copy.PixelData == original.PixelData
        assert copy.file_meta.TransferSyntaxUID == row["transfer_syntax_uid"]
        assert copy.get("BitsStored") == original.get("BitsStored")
        content = case.files[0].read_bytes()
        head = content[: len(content) - len(original.PixelData)]
        for keyword in ("PatientName", "StudyDescription", "InstitutionName", "StudyInstanceUID"):
            word = str(original.get(keyword) or "")
            assert not word or word.encode(errors="replace") not in head


def test_text_that_pixel_data_may_carry_is_counted_in_the_report(tmp_path: Path) -> None:
    """Pixel data stay as they are: a JPEG's own comment, and words in the picture, are reported."""
    picture = io.BytesIO()
    Image.new("L", (4, 4)).save(picture, "JPEG", comment=SECRET.encode())
    cases = small_commons(tmp_path / "commons", 2)
    for file, syntax in zip(
        cases[0].files, [JPEGBaseline8Bit, ExplicitVRLittleEndian], strict=True
    ):
        with disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = pydicom.dcmread(file)
            image.BurnedInAnnotation = "YES"
            if syntax.is_compressed:
                image.PixelData = encapsulate([picture.getvalue()])
                image["PixelData"].VR = "OB"
                image.file_meta.TransferSyntaxUID = syntax
            image.save_as(file, enforce_file_format=True)
    report = sealed(tmp_path, cases).report
    assert report["burned_in_annotation_files"] == 2
    assert report["compressed_files_with_a_comment"] == 1


def test_the_open_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    cases = small_commons(tmp_path / "commons")
    write_open(tmp_path / "lists" / "open.csv", cases, ["sex", "view"])
    back = read_open(tmp_path / "lists" / "open.csv")
    assert [(c.case_id, c.patient_id, c.label, c.files) for c in back] == [
        (c.case_id, c.patient_id, c.label, c.files) for c in cases
    ]
    assert dict(back[0].attributes) == {"sex": "Female", "view": "PA"}
    first = (tmp_path / "lists" / "open.csv").read_text().splitlines()
    assert first[0] == "case_id,patient_id,label,files,sex,view"
    assert first[1].count("../commons/") == 2


def test_a_spoiled_open_list_is_told_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "open.csv"
    table.write_text("case_id,patient_id,label,files\na,p,yes,x.dcm\n")
    with pytest.raises(CohortError, match=r"open\.csv line 2: label is 'yes'; it must be 0 or 1"):
        read_open(table)
    table.write_text("case_id,label\na,1\n")
    with pytest.raises(CohortError, match=r"open\.csv has no column patient_id, files"):
        read_open(table)
