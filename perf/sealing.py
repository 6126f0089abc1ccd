"""How fast a cohort of large radiographs is sealed, beside another build and beside the bare bytes.

    python -m perf.sealing --against CHECKOUT      in turns with another version of the project
    python -m perf.sealing --memory                the most memory for 50 and for 200 files

The files are made: ``--files`` radiographs of 1955 x 1841 pixels in 16 bit (7.2 MB each) from a
handful of pictures. "Bare bytes" reads each file, takes SHA-256 of it, writes it and flushes it to
disk, and has nothing to do with DICOM; "bytes, header cleaned" adds what must be done to a header:
it is read with pydicom and copied by the project's own rules, and the pixels are looked through
once for bits that no pixel uses. Each turn is a process of its own; the clock starts once a first
file has been sealed, so that imports do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from perf.decoding import a_radiograph

PICTURES = 5
"""As many different pictures."""

SEAL = """
import hashlib, json, os, resource, sys, time
from pathlib import Path

sys.path.insert(0, ".")
commons, output, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
files = sorted(commons.iterdir())[: int(sys.argv[4])]


def bare(files, folder):
    folder.mkdir()
    for k, path in enumerate(files):
        content = path.read_bytes()
        hashlib.sha256(content).hexdigest()
        with open(folder / f"{k}.dcm", "wb", buffering=0) as copy:
            copy.write(content)
    flush(folder, len(files))


def cleaned(files, folder):
    import io

    import numpy as np
    import pydicom
    from cohort_selection.deidentification.elements import Copier
    from pydicom.uid import ExplicitVRLittleEndian

    folder.mkdir()
    for k, path in enumerate(files):
        content = path.read_bytes()
        head = pydicom.dcmread(io.BytesIO(content[: 1 << 16]), stop_before_pixels=True, force=True)
        Copier(lambda uid: "2.25.1", ExplicitVRLittleEndian).copied(head)
        pixels = np.frombuffer(content, "<u2", 1955 * 1841, len(content) - 2 * 1955 * 1841)
        pixels.max()
        hashlib.sha256(content).hexdigest()
        with open(folder / f"{k}.dcm", "wb", buffering=0) as copy:
            copy.write(content)
    flush(folder, len(files))


def flush(folder, count):
    for k in range(count):
        number = os.open(folder / f"{k}.dcm", os.O_RDONLY)
        os.fsync(number)
        os.close(number)


def sealed(files, folder):
    from cohort_selection.cases import Case
    from cohort_selection.sealing.cohort import seal

    cases = [Case(f"case {k}", f"patient {k}", (f,), k % 2, {}) for k, f in enumerate(files)]
    return seal(cases, folder, name="bench", seed=1, criteria={}, target=None).digest


def looked(files, folder):
    from cohort_selection.leakage.fingerprints import fingerprints

    prints = fingerprints(files, look=True)
    return hashlib.sha256(repr(prints.digests).encode() + prints.hashes.tobytes()).hexdigest()


def busy():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


do = {"bare": bare, "cleaned": cleaned, "seal": sealed, "look": looked}[what]
do(files[:1], output / "warm")
cpu, clock = busy(), time.perf_counter()
digest = do(files, output / "sealed")
took = [busy() - cpu, time.perf_counter() - clock]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu": took[0], "wall": took[1], "peak": peak, "digest": digest}))
"""
KEY = "5e" * 32


def make(folder: Path, count: int) -> None:
    """Write ``count`` radiographs, each of a patient of its own, from a few pictures."""
    first = a_radiograph()
    for number in range(count):
        picture = number % PICTURES
        pixels = np.roll(first, 97 * picture, axis=picture % 2)
        write_radiograph(
            folder / f"{number:04d}.dcm",
            Radiograph(
                pixels=pixels,
                study_uid=uid(f"study {number}"),
                series_uid=uid(f"series {number}"),
                instance_uid=uid(f"instance {number}"),
                patient_id=f"patient {number}",
                view="PA",
                bits_stored=15,
                spacing_mm=(0.2, 0.2),
                text_burned_in=False,
            ),
            "DX",
        )


def once(tree: Path, commons: Path, what: str, count: int) -> Mapping[str, float | str]:
    """Seal once in a process of its own."""
    with tempfile.TemporaryDirectory(dir=commons.parent) as output:
        key = Path(output, "enclave.key")
        key.write_text(KEY)
        key.chmod(0o600)
        done = subprocess.run(
            [sys.executable, "-c", SEAL, str(commons), output, what, str(count)],
            cwd=tree,
            env={**os.environ, "SEQUESTRA_ENCLAVE_KEY": str(key), "PYTHONPATH": str(tree)},
            stdout=subprocess.PIPE,
            check=True,
        )
    found: Mapping[str, float | str] = json.loads(done.stdout)
    return found


def compare(commons: Path, other: Path | None, count: int, rounds: int) -> None:
    """Time all programs in turns; print medians a file, and ratios of pairs of one turn."""
    here = Path(__file__).resolve().parents[1]
    programs = {
        "bare bytes": (here, "bare"),
        "bytes, header cleaned": (here, "cleaned"),
        "sealed": (here, "seal"),
        "looked at": (here, "look"),
    }
    if other is not None:
        programs["sealed, other build"] = (other.resolve(), "seal")
        programs["looked at, other build"] = (other.resolve(), "look")
    runs: dict[str, list[Mapping[str, float | str]]] = {name: [] for name in programs}
    for turn in range(rounds):
        order = list(programs)[:: -1 if turn % 2 else 1]  # nobody comes after the same neighbour
        for name in order:
            os.sync()  # what the one before wrote is not left to the next
            runs[name].append(once(programs[name][0], commons, programs[name][1], count))
    for name, found in runs.items():
        cpu, wall = ([1e3 * float(run[k]) / count for run in found] for k in ("cpu", "wall"))
        digests = {str(run["digest"])[:23] for run in found}
        print(
            f"{name:24}{statistics.median(cpu):8.1f} ms CPU a file"
            f"{statistics.median(wall):8.1f} ms by the clock   {' '.join(sorted(digests))}"
        )
    pairs = [("sealed", "bare bytes"), ("sealed", "bytes, header cleaned")]
    if other is not None:
        pairs += [("sealed, other build", "sealed"), ("looked at, other build", "looked at")]
    for one, two in pairs:
        told = "; ".join(
            f"{kind} {_ratios(runs[one], runs[two], kind)}" for kind in ("cpu", "wall")
        )
        print(f"{one} : {two}   {told}")


def _ratios(
    ones: Sequence[Mapping[str, float | str]], twos: Sequence[Mapping[str, float | str]], kind: str
) -> str:
    ratios = [float(a[kind]) / float(b[kind]) for a, b in zip(ones, twos, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Make the files, then time or weigh."""
    parser = argparse.ArgumentParser(prog="python -m perf.sealing", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout of the project")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commons = Path(folder, "commons")
        make(commons, options.files)
        if not options.memory:
            compare(commons, options.against, options.files, options.rounds)
            return
        for what in ("seal", "look"):
            for count in (options.files // 4, options.files):
                peak = once(Path(__file__).resolve().parents[1], commons, what, count)["peak"]
                print(f"{what}: {count} files, {float(peak):.0f} MB at the most")


if __name__ == "__main__":
    main()
