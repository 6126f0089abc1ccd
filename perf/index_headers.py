"""How fast headers are read, against pydicom, dicomsdl and the bare read of a file's head.

    python -m perf.index_headers DICOM_FOLDER          readers side by side, one process
    python -m perf.index_headers --generate 100000     the whole index of generated files, again
                                                       unchanged, and again with 1 % more
    python -m perf.index_headers DICOM_FOLDER --against CHECKOUT
                                                       headers and pictures, in turns with another
                                                       version of the project

    python -m perf.index_headers --kinds 200           readers side by side on made files of ten
                                                       kinds; with --against as above

dicomsdl is compared where it is installed (pip install dicomsdl); the project does not need it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom

from cohort_selection.catalog import catalog
from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.dicom.elements import compile_walk
from cohort_selection.dicom.header import Header, read_header, read_header_with_pydicom
from cohort_selection.dicom.studies import files_below
from perf.header_files import make

WANTED = ["StudyInstanceUID", "PatientID", "SOPInstanceUID", "Modality", "Rows", "Columns"]


def plain_pydicom(path: Path) -> object:
    return [
        pydicom.dcmread(path, stop_before_pixels=True, force=True).get(keyword)
        for keyword in WANTED[:1]
    ]


def pydicom_few_tags(path: Path) -> object:
    data = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(WANTED))
    return data.get("StudyInstanceUID")


def bare_read(path: Path) -> object:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return len(os.pread(descriptor, 1 << 14, 0))
    finally:
        os.close(descriptor)


def readers() -> dict[str, Callable[[Path], object]]:
    found: dict[str, Callable[[Path], object]] = {
        "pydicom.dcmread(stop_before_pixels=True)": plain_pydicom,
        "pydicom.dcmread(..., specific_tags=6)": pydicom_few_tags,
        "ours, by pydicom": read_header_with_pydicom,
        "ours (read_header)": read_header,
        "open and read 16 KiB (the limit)": bare_read,
    }
    try:
        import dicomsdl
    except ImportError:
        print("dicomsdl is not installed; left out")
    else:
        logging.getLogger("dicomsdl").setLevel(logging.ERROR)

        def with_dicomsdl(path: Path) -> object:
            data = dicomsdl.open(str(path), load_until=0x7FE00000)
            return [getattr(data, keyword) for keyword in WANTED]

        found["dicomsdl.open(load_until=pixels), 6 values"] = with_dicomsdl
    return found


def compare(folder: Path, repeats: int) -> None:
    paths = [
        file.path
        for file in files_below(folder.resolve())
        if isinstance(read_header(file.path), Header)
    ]
    print(f"{len(paths)} files of {folder}, in the page cache; best of {repeats}; CPU time")
    compile_walk()
    times: dict[str, float] = {}
    for name, reader in readers().items():
        best = float("inf")
        for _ in range(repeats):
            started = time.process_time()
            for path in paths:
                reader(path)
            best = min(best, time.process_time() - started)
        times[name] = best / len(paths)
    plain = times["pydicom.dcmread(stop_before_pixels=True)"]
    for name, seconds in sorted(times.items(), key=lambda item: item[1]):
        print(f"{seconds * 1e6:9.1f} us a file {plain / seconds:7.1f} x pydicom   {name}")


TIMED = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, ".")
from cohort_selection.dicom import elements
from cohort_selection.dicom.header import Header, read_header
from cohort_selection.leakage.perceptual_hash import perceptual_hashes
from cohort_selection.pixels.picture import read_picture

getattr(elements, "compile_walk", lambda: None)()
paths = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
images = [path for path in paths if isinstance(read_header(path), Header)]


def looked(path):
    return perceptual_hashes(read_picture(path)[1])


def busy(reader, files, times, rounds):
    found = []
    for path in files:
        reader(path)
        best = float("inf")
        for _ in range(rounds):
            started = time.process_time()
            for _ in range(times):
                reader(path)
            best = min(best, time.process_time() - started)
        found.append(best / times)
    return found


print(json.dumps([busy(read_header, paths, 20, 40), busy(looked, images, 1, 6)]))
"""


def compare_with(folder: Path, checkout: Path, repeats: int) -> None:
    """Time this version and another one, each in processes of its own, one after the other.

    A file's time is the least of all turns: on a busy machine the others tell of the neighbours.
    """
    mine = Path(__file__).parents[1]
    times: dict[Path, list[list[list[float]]]] = {mine: [], checkout.resolve(): []}
    for _ in range(repeats):
        for tree, found in times.items():
            done = subprocess.run(
                [sys.executable, "-c", TIMED, str(folder.resolve())],
                cwd=tree,
                env={**os.environ, "NUMBA_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                check=True,
            )
            found.append(json.loads(done.stdout))
    for k, what in enumerate(("header read and judged", "picture decoded and hashed")):
        here, there = (np.array([turn[k] for turn in found]) for found in times.values())
        turns = here.sum(axis=1) / there.sum(axis=1)
        print(
            f"{what}: {here.min(axis=0).mean() * 1e6:,.0f} us of CPU a file here, "
            f"{there.min(axis=0).mean() * 1e6:,.0f} there; ratio "
            f"{here.min(axis=0).sum() / there.min(axis=0).sum():.2f} "
            f"(single turns {turns.min():.2f} to {turns.max():.2f}, {repeats} of them)"
        )


def generate(folder: Path, count: int, first: int = 0) -> None:
    """Write ``count`` small radiographs, three to a study, 1,000 to a folder."""
    template = folder / "template"
    study, instance = uid("study"), uid("instance")
    pixels = np.zeros((8, 8), dtype=np.uint16)
    write_radiograph(
        template,
        Radiograph(
            pixels=pixels,
            study_uid=study,
            series_uid=uid("series"),
            instance_uid=instance,
            patient_id="000000000",
        ),
        "DX",
    )
    content = template.read_bytes()
    template.unlink()
    for number in range(first, first + count):
        place = folder / f"{number // 1000:06d}"
        place.mkdir(exist_ok=True)
        mine = content.replace(study[-9:].encode(), b"%09d" % (number // 3))
        mine = mine.replace(instance[-9:].encode(), b"%09d" % number)
        mine = mine.replace(b"000000000 ", b"%09d " % (number // 6))
        (place / f"{number}.dcm").write_bytes(mine)


def index_generated(count: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, output = Path(folder, "commons"), Path(folder, "catalog")
        root.mkdir()
        runs = ("first", count), ("again, nothing changed", 0), ("again, 1 % new", count // 100)
        n_files = 0
        for what, n_new in runs:
            generate(root, n_new, n_files)
            n_files += n_new
            subprocess.run(
                [
                    *(sys.executable, "-m", "perf.index_headers", "--one"),
                    *(str(root), str(output), what, str(workers)),
                ],
                check=True,
            )


def index_once(root: Path, output: Path, what: str, workers: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, busy = time.perf_counter(), time.process_time()
    indexed = catalog.update(root, [], output, workers=workers)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(
        f"{what}: {indexed.n_files} files, {indexed.n_studies} studies, {indexed.n_read} read, "
        f"{seconds:.1f} s ({indexed.n_files / seconds:,.0f} files a second, {workers} processes), "
        f"{busy:.1f} s of CPU in the first of them; "
        f"peak memory {peak / 1024:.0f} MB ({before / 1024:.0f} MB at the start), "
        f"of a worker {children / 1024:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout of the project")
    parser.add_argument("--generate", type=int, default=0)
    parser.add_argument("--kinds", type=int, default=0, help="made files of each kind")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        root, output, what, workers = arguments.one
        index_once(Path(root), Path(output), what, int(workers))
    with tempfile.TemporaryDirectory() as made:
        folders = [arguments.folder] if arguments.folder else []
        if arguments.kinds:
            make(Path(made), arguments.kinds)
            folders.append(Path(made))
        for folder in folders:
            if arguments.against:
                compare_with(folder, arguments.against, arguments.repeats)
            else:
                compare(folder, arguments.repeats)
    if arguments.generate:
        index_generated(arguments.generate, arguments.workers)


if __name__ == "__main__":
    main()
