"""Sealing through the command line: what stops it, what a kill or a full disk leaves behind."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zlib import crc32

import numpy as np
import pydicom
import pytest

from cohort_selection.leakage.shortcuts import audit_fields
from cohort_selection.sealing.cohort import Cohort, open_cohort, verify
from evaluator.sandbox.staging import stage
from evaluator.steward.steward import seal_cohort
from evaluator.stores.installation import Installation
from submissions.contract import Contract
from tests.support.catalog_studies import studies_in
from tests.support.commands import PROGRAM, environment, refused, succeed
from tests.support.walkthrough import BENCHMARK, Walked, always_the_same_draw, small_benchmark

FOLDER = f"enclave/benchmarks/{BENCHMARK}"


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """An installation with a matched cohort of 80 that is not sealed."""
    folder = tmp_path_factory.mktemp("sealing")
    succeed("simulate", folder / "commons", "--patients", "240")
    return match(folder, folder / "commons" / "dicom")


def match(folder: Path, dicom: Path) -> Walked:
    walked = Walked(folder, BENCHMARK)
    commons = dicom.parent
    benchmark = small_benchmark(folder, BENCHMARK, 80)
    tables = ("--clinical", commons / "clinical.csv", "--clinical", commons / "measurement.tsv")
    home = ("--home", walked.home)
    catalog = ("--catalog", folder / "catalog")
    succeed("index", dicom, *tables, "--output", folder / "catalog")
    always_the_same_draw(walked.home)
    succeed("sequester", benchmark, *catalog, "--open", walked.open_list, *home)
    succeed("match", BENCHMARK, *catalog, *home)
    return walked


@pytest.fixture
def fresh(matched: Walked, tmp_path: Path) -> Walked:
    """The same installation in a place of its own, ready to be sealed."""
    shutil.copytree(matched.home, tmp_path / "home")
    return Walked(tmp_path, BENCHMARK)


def seal(matched: Walked, home: Path, *options: str) -> tuple[str | Path, ...]:
    return ("seal", BENCHMARK, "--catalog", matched.folder / "catalog", "--home", home, *options)


def cohort_of(home: Path) -> Cohort:
    return open_cohort(home / FOLDER / "cohort")


def audited(home: Path) -> str:
    """What the audit chain, which everybody may read, says of sealing."""
    import sqlite3

    with closing(sqlite3.connect(home / "public" / "ledger.sqlite")) as ledger:
        rows = ledger.execute("SELECT * FROM audit").fetchall()
    return "\n".join(str(row) for row in rows if "seal" in row)


def test_the_report_and_the_audit_chain_say_what_was_compared(
    matched: Walked, fresh: Walked, tmp_path: Path
) -> None:
    printed = succeed(*seal(matched, fresh.home))
    assert "pictures and stored pixels of 80 files compared" in printed
    assert cohort_of(fresh.home).report["wall"]["looked"] is True  # type: ignore[index]
    assert "pictures compared" in audited(fresh.home)
    shutil.copytree(matched.home, tmp_path / "second")
    printed = succeed(*seal(matched, tmp_path / "second", "--no-look"))
    assert "stored pixels (not pictures) of 80 files compared" in printed
    assert "pictures not compared" in audited(tmp_path / "second")


@pytest.fixture(scope="module")
def leaking(matched: Walked, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The commons with MIDRC's published leak: each positive, and no other, has BitsStored 15."""
    folder = tmp_path_factory.mktemp("leaking")
    shutil.copytree(matched.folder / "commons", folder / "commons")
    studies = studies_in(matched.folder / "catalog")
    lines = (folder / "commons" / "clinical.csv").read_text().splitlines()
    header = lines[0].split(",")
    positive = {
        tuple(row.split(","))[header.index("study_uid")]
        for row in lines[1:]
        if row.split(",")[header.index("opacity")] == "1"
    }
    assert positive
    for study in studies:
        for path in study.files:
            file = folder / "commons" / path.relative_to(matched.folder / "commons")
            image = pydicom.dcmread(file)
            leaks = study.study_uid in positive
            image.BitsAllocated, image.BitsStored = 16, 15 if leaks else 12
            image.HighBit = image.BitsStored - 1
            image.PixelRepresentation = 0
            image.PixelData = np.zeros(image.Rows * image.Columns, np.uint16).tobytes()
            seeded = np.random.default_rng(crc32(study.study_uid.encode()))
            grain = seeded.integers(0, 4000, (image.Rows, image.Columns)).astype(np.uint16)
            image.PixelData = grain.tobytes()
            image.save_as(file)
    return match(folder, folder / "commons" / "dicom")


def test_midrcs_published_leak_stops_the_seal_until_somebody_answers_for_it(
    leaking: Walked,
) -> None:
    said = refused(*seal(leaking, leaking.home))
    assert "BitsStored with an AUROC of 1.00 (" in said
    assert "HighBit" in said
    assert "--accept-shortcuts REASON" in said
    assert "BitsStored" not in audited(leaking.home)
    assert not (leaking.home / FOLDER / "cohort").exists()
    reason = "only the header, a study of it"
    printed = succeed(*seal(leaking, leaking.home, "--accept-shortcuts", reason))
    assert "shortcut: BitsStored alone predicts the label with an AUROC of 1.00" in printed
    report = cohort_of(leaking.home).report
    assert report["accepted"] == {"shortcuts": reason, "look_alikes": ""}
    assert "shortcuts accepted" in audited(leaking.home)
    # Everybody may read the chain: what tells the label, and why that is so, is not in it.
    assert "BitsStored" not in audited(leaking.home)
    assert reason not in audited(leaking.home)


def test_a_picture_that_was_made_smaller_and_given_to_another_patient_stops_the_seal(
    matched: Walked, tmp_path: Path
) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(matched.folder / "commons", folder / "commons")
    shutil.copytree(matched.home, folder / "home")
    document = json.loads((matched.home / FOLDER / "matched.json").read_text())
    studies = {s.study_uid: s for s in studies_in(matched.folder / "catalog")}
    sealed_file = studies[document["drawn"][0]].files[0]
    opened = {row.split(",")[0] for row in matched.open_list.read_text().splitlines()[1:]}
    open_file = next(s for uid, s in sorted(studies.items()) if uid in opened).files[0]
    target = folder / "commons" / open_file.relative_to(matched.folder / "commons")
    image, source = pydicom.dcmread(target), pydicom.dcmread(sealed_file)
    small = source.pixel_array[2:-2:1, 3:-3:1]
    image.Rows, image.Columns = small.shape
    for name in ("BitsAllocated", "BitsStored", "HighBit", "PhotometricInterpretation"):
        setattr(image, name, source[name].value)
    image.PixelData = np.ascontiguousarray(small).tobytes()
    image.save_as(target)
    indexed_again(folder)
    where = Walked(folder, BENCHMARK)
    said = refused(*seal(where, where.home))
    assert "look like one in the open part" in said
    assert open_file.name in said
    printed = succeed(*seal(where, where.home, "--accept-look-alikes", "a phantom"))
    assert "look-alikes, accepted" in printed


def test_one_picture_under_two_drawn_patients_of_opposite_labels_stops_the_seal(
    matched: Walked, tmp_path: Path
) -> None:
    folder = tmp_path / "twice"
    shutil.copytree(matched.folder / "commons", folder / "commons")
    shutil.copytree(matched.home, folder / "home")
    drawn = json.loads((matched.home / FOLDER / "matched.json").read_text())["drawn"]
    studies = {s.study_uid: s for s in studies_in(matched.folder / "catalog")}
    lines = (folder / "commons" / "clinical.csv").read_text().splitlines()
    column = lines[0].split(",")
    label = {
        row.split(",")[column.index("study_uid")]: row.split(",")[column.index("opacity")]
        for row in lines[1:]
    }
    positive, negative = (
        next(studies[uid] for uid in drawn if label[uid] == wanted) for wanted in ("1", "0")
    )
    target = folder / "commons" / negative.files[0].relative_to(matched.folder / "commons")
    image, source = pydicom.dcmread(target), pydicom.dcmread(positive.files[0])
    for name in (
        *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
        *("PhotometricInterpretation", "PixelData"),
    ):
        setattr(image, name, source[name].value)
    image.save_as(target)
    indexed_again(folder)
    where = Walked(folder, BENCHMARK)
    catalog = ("--catalog", folder / "catalog", "--home", where.home)
    listed = where.home / FOLDER / "repeated-pictures.csv"
    for look in ((), ("--no-look",)):
        said = refused(*seal(where, where.home, *look))
        assert "1 of them under opposite labels" in said
        assert f"{target.name} (label 0)" in said
        assert f"{positive.files[0].name} (label 1)" in said
        with listed.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {(row["patient_id"], row["label"], row["drawn"]) for row in rows} == {
            (positive.patient_id, "1", "yes"),
            (negative.patient_id, "0", "yes"),
        }
    printed = succeed(*seal(where, where.home, "--accept-look-alikes", "one picture, two reports"))
    assert "1 pictures stand under several patients or labels, 1 of them under opposite" in printed
    repeats = cohort_of(where.home).report["repeats"]
    assert (repeats["in_pool"], repeats["in_cohort_opposite"]) == (1, 1)  # type: ignore[index]
    assert positive.patient_id not in json.dumps(repeats)
    card, suspects = tmp_path / "card.html", tmp_path / "suspects.csv"
    succeed("card", BENCHMARK, *catalog, "--output", card, "--suspects", suspects)
    page = card.read_text()
    assert "of the pool, 1 of opposite labels; 1 in the cohort, 1 of opposite labels" in page
    assert "Of 80 images of the cohort that could be decoded, 0 have" in page
    assert suspects.read_text() == "patient_id,case_id,file\n"


def indexed_again(folder: Path) -> None:
    """Index the commons that was changed in ``folder``."""
    commons = folder / "commons"
    tables = ("--clinical", commons / "clinical.csv", "--clinical", commons / "measurement.tsv")
    succeed("index", commons / "dicom", *tables, "--output", folder / "catalog")


@pytest.mark.parametrize("owner", ["an open patient", "a patient of no part"])
def test_a_picture_in_a_study_that_is_no_case_of_the_benchmark_stops_the_seal(
    matched: Walked, fresh: Walked, owner: str
) -> None:
    """The study has no label, so the criteria leave it out; whoever has the open part has it."""
    shutil.copytree(matched.folder / "commons", fresh.folder / "commons")
    drawn = json.loads((fresh.home / FOLDER / "matched.json").read_text())["drawn"]
    studies = {s.study_uid: s for s in studies_in(matched.folder / "catalog")}
    rows = matched.open_list.read_text().splitlines()
    image = pydicom.dcmread(studies[drawn[0]].files[0])
    image.PatientID = "nobody"
    if owner == "an open patient":
        image.PatientID = studies[rows[1].split(",")[0]].patient_id
    image.StudyInstanceUID, image.SOPInstanceUID = "1.2.3.4", "1.2.3.5"
    image.file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
    image.save_as(fresh.folder / "commons" / "dicom" / "other.dcm")
    indexed_again(fresh.folder)
    said = refused(*seal(fresh, fresh.home, "--no-look"))
    assert "1 images of the cohort stand in the open part too" in said
    assert "other.dcm has the pixels of" in said


def test_a_label_that_changed_since_the_match_stops_seal_and_card(
    matched: Walked, fresh: Walked
) -> None:
    commons = shutil.copytree(matched.folder / "commons", fresh.folder / "commons")
    drawn = json.loads((fresh.home / FOLDER / "matched.json").read_text())["drawn"]
    table = commons / "clinical.csv"
    lines = table.read_text().splitlines()
    place = lines[0].split(",").index("opacity")
    number = next(i for i, line in enumerate(lines) if drawn[0] in line)
    cells = lines[number].split(",")
    cells[place] = {"0": "1", "1": "0"}[cells[place]]
    lines[number] = ",".join(cells)
    table.write_text("\n".join(lines) + "\n")
    indexed_again(fresh.folder)
    for said in (
        refused(*seal(fresh, fresh.home, "--no-look")),
        refused(
            *("card", BENCHMARK, "--catalog", fresh.folder / "catalog", "--home", fresh.home),
            *("-o", fresh.folder / "card.html"),
        ),
    ):
        assert "has changed since the match" in said
        assert f"run `sequestra match {BENCHMARK}` again" in said


def test_a_damaged_list_of_the_cohort_stops_the_seal(matched: Walked, fresh: Walked) -> None:
    path = fresh.home / FOLDER / "matched.json"
    whole = json.loads(path.read_text())
    # One of the pool's cases in place of one that was drawn: a list that is right in itself.
    outside = sorted(set(whole["inclusion"]) - set(whole["drawn"]))[0]
    path.write_text(json.dumps({**whole, "drawn": sorted([*whole["drawn"][1:], outside])}))
    assert "is not the list that the audit chain has" in refused(*seal(matched, fresh.home))
    del whole["binding"]
    path.write_text(json.dumps(whole))
    assert "matched.json does not say binding" in refused(*seal(matched, fresh.home))
    path.write_bytes(path.read_bytes()[:-20])
    assert "matched.json is not as it was written" in refused(*seal(matched, fresh.home))


def test_verify_finds_one_flipped_bit_in_any_file(matched: Walked, fresh: Walked) -> None:
    succeed(*seal(matched, fresh.home, "--no-look"))
    command = ("verify", BENCHMARK, "--home", fresh.home)
    succeed(*command)
    cohort = cohort_of(fresh.home)
    draw = random.Random(1)
    files = sorted(path for path in cohort.directory.rglob("*") if path.is_file())
    assert len(files) == 82  # 80 images, the manifest and the labels
    for path in files:
        whole = path.read_bytes()
        path.chmod(0o600)
        bit = draw.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        assert verify(cohort), f"bit {bit} of {path}"
        if path is files[0]:
            ended = subprocess.run(
                [*PROGRAM, *map(str, command)], env=environment(), capture_output=True, check=False
            )
            assert ended.returncode == 1
            assert b"was changed since it was sealed" in ended.stdout
        path.write_bytes(whole)
    assert verify(cohort) == []


def seal_in_another_process(walked: Walked, catalog: Path, killed_at: int = 0) -> int:
    """Seal; how often that touched a file of the installation, until it was killed or done."""
    home = str(walked.home)
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:

        def look(event: str, of: tuple[object, ...]) -> None:
            if not of or not isinstance(of[0], str | os.PathLike):
                return
            if os.fspath(of[0]).startswith(home):
                with one_at_a_time:  # several threads copy
                    os.write(tells, b".")
                    if next(nth) == killed_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                        signal.pause()  # another thread may be the one that ends first

        nth, one_at_a_time = itertools.count(1), threading.RLock()
        try:
            installation = Installation(walked.home)
            benchmark = installation.benchmark(BENCHMARK)
            sys.addaudithook(look)
            seal_cohort(installation, benchmark, catalog, look=False)
        finally:
            os._exit(0)
    os.close(tells)
    with os.fdopen(told, "rb") as stream:
        touched = len(stream.read())
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) == bool(killed_at)
    return touched


def test_killed_at_any_moment_nothing_is_half_sealed_and_sealing_again_succeeds(
    matched: Walked, tmp_path: Path
) -> None:
    """Twelve kills of a real process, from its first touch of a file to its last."""
    catalog = matched.folder / "catalog"

    def another(name: str) -> Walked:
        shutil.copytree(matched.home, tmp_path / name / "home")
        return Walked(tmp_path / name, BENCHMARK)

    touches = seal_in_another_process(another("whole"), catalog)
    assert touches > 3 * 80  # each image is opened, and its mode and time set
    drawn = random.Random(2).sample(range(2, touches), 10)
    inside = 0
    for moment in [1, *drawn, touches]:
        walked = another(f"killed-{moment}")
        assert seal_in_another_process(walked, catalog, moment) == moment
        folder = walked.home / FOLDER
        inside += any(folder.glob(".cohort.new-*"))
        sealed_before = (folder / "cohort").exists()
        if sealed_before:
            assert not any(folder.glob(".cohort.new-*"))
            assert cohort_of(walked.home).n_cases == 80
        installation = Installation(walked.home)
        recorded = installation.ledger().is_recorded("seal", BENCHMARK)
        assert not recorded or sealed_before
        if not recorded:
            seal_cohort(installation, installation.benchmark(BENCHMARK), catalog, look=False)
        names = {path.name for path in folder.iterdir()}
        assert names == {"matched.json", "cohort", "enclave.key"}
        assert verify(cohort_of(walked.home)) == []
        assert installation.ledger().chain.problems() == []
        shutil.rmtree(walked.folder)
    assert inside >= 6  # most kills fell into the writing itself


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_one_sentence_and_sealing_again_succeeds(
    matched: Walked, small_disk: Path
) -> None:
    home = small_disk / "home"
    shutil.copytree(matched.home, home)
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(b"\0" * max(0, free - 700_000))
    said = refused(*seal(matched, home, "--no-look"))
    assert "the disk is full" in said
    assert "run the command again" in said
    assert {path.name for path in (home / FOLDER).iterdir()} <= {"matched.json", "enclave.key"}
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    succeed(*seal(matched, home, "--no-look"))
    succeed("verify", BENCHMARK, "--home", home)


def test_a_file_cut_short_after_indexing_is_named_and_nothing_is_sealed(
    matched: Walked, tmp_path: Path
) -> None:
    shutil.copytree(matched.home, tmp_path / "home")
    drawn = json.loads((matched.home / FOLDER / "matched.json").read_text())["drawn"]
    studies = {s.study_uid: s for s in studies_in(matched.folder / "catalog")}
    file = studies[drawn[3]].files[0]
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[: len(whole) // 2])
        for options in ((), ("--no-look",)):
            said = refused(*seal(matched, tmp_path / "home", *options))
            assert file.name in said
            assert not (tmp_path / "home" / FOLDER / "cohort").exists()
    finally:
        file.write_bytes(whole)
    succeed(*seal(matched, tmp_path / "home", "--no-look"))


def test_nothing_that_a_container_sees_but_the_pixels_tells_the_label(
    matched: Walked, fresh: Walked, tmp_path: Path
) -> None:
    """Place in the order, id, names, times, modes, links and sizes, each by cross-validation."""
    succeed(*seal(matched, fresh.home, "--no-look"))
    cohort = cohort_of(fresh.home)
    drawn: dict[str, list[str]] = {}  # anew for each run
    kept: dict[str, list[str]] = {}  # of the sealed file, the same in each run
    labels, patients = [], []
    for run in range(5):
        key = bytes([run]) * 32
        of = cohort.unblind(key)
        with stage(cohort.blinded(key), Contract(), tmp_path / f"staging-{run}") as staged:
            listed = (staged.input / "cases.csv").read_text().splitlines()[1:]
            for place, line in enumerate(listed):
                case_id = line.split(",")[0]
                folder = staged.input / "images" / case_id
                files = sorted(folder.iterdir())
                status = files[0].stat()
                for name, value in (
                    ("place", place),
                    ("place among folders", sorted(of).index(case_id)),
                    ("id", int(case_id[:6], 16)),
                    ("file name", int(files[0].name[:6], 16)),
                    ("time", status.st_mtime_ns),
                    ("folder's time", folder.stat().st_mtime_ns),
                    ("mode", status.st_mode),
                ):
                    drawn.setdefault(name, []).append(str(value))
                if run == 0:
                    for name, value in (
                        ("size", status.st_size),
                        ("files", len(files)),
                        ("inode", status.st_ino),
                    ):
                        kept.setdefault(name, []).append(str(value))
                labels.append(of[case_id].label)
                patients.append(f"{run} {of[case_id].patient_id}")
    assert len(set(drawn["time"])) == len(set(drawn["mode"])) == 1
    for fields in (drawn, kept):
        n = len(next(iter(fields.values())))
        positive = sum(labels[:n])
        # Mann and Whitney's standard error of an AUROC of one half.
        error = ((n + 1) / (12 * positive * (n - positive))) ** 0.5
        found = audit_fields(fields, labels[:n], patients[:n])
        assert found
        for shortcut in found:
            assert shortcut.auroc < 0.5 + 4 * error, (shortcut, error)
