"""Ten thousand cases laid out for a container and removed, beside what the disk itself needs."""

from __future__ import annotations

import os
import resource
import secrets
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cohort_selection.cases import BlindedCase
from evaluator.sandbox.staging import MTIME, stage
from perf.timing import Timed
from submissions.contract import Contract

LAY_OUT = "lay out"
REMOVE = "remove"
Clock = Callable[[str, str], None]


def run(n_cases: int = 10_000, kilobytes: int = 100, rounds: int = 3) -> list[Timed]:
    """Time each way in turn, over cases of one file each; the copy of the pixels once."""
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases = _sealed(Path(folder) / "sealed", n_cases, kilobytes)
        for turn in range(rounds):
            for way in (_ours, _bare, _linked, *((_copied,) if turn == 0 else ())):
                os.sync()  # a disk that still writes what came before keeps everybody waiting
                began = [time.perf_counter(), _cpu()]

                def lap(work: str, program: str, began: list[float] = began) -> None:
                    now = [time.perf_counter(), _cpu()]
                    took = (now[0] - began[0], now[1] - began[1])
                    seconds.setdefault((work, program), []).append(took)
                    began[:] = [time.perf_counter(), _cpu()]

                way(cases, Path(folder), lap)
    return [
        Timed(
            f"{work} {n_cases} cases of one file of {kilobytes} KB",
            program,
            "",
            statistics.median(wall for wall, _ in taken),
            statistics.median(cpu for _, cpu in taken),
            len(taken),
            f"{len(taken)} rounds, {min(t[0] for t in taken):.2f} to "
            f"{max(t[0] for t in taken):.2f} s",
        )
        for what in (LAY_OUT, REMOVE)
        for (work, program), taken in seconds.items()
        if work == what
    ]


def _ours(cases: Sequence[BlindedCase], folder: Path, lap: Clock) -> None:
    with stage(cases, Contract(), folder / "staging"):
        lap(LAY_OUT, "Sequestra")
    lap(REMOVE, "Sequestra, until the queue goes on")
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    if list((folder / "staging").glob("run-*")):
        raise AssertionError("something of the run is left")
    lap(REMOVE, "Sequestra, what went on behind")


def _bare(cases: Sequence[BlindedCase], folder: Path, lap: Clock) -> None:
    """Make the system calls that no way can do without, and nothing else."""
    root = folder / "bare"
    root.mkdir()
    within = os.open(root, os.O_RDONLY)
    for case in cases:
        os.mkdir(case.case_id, dir_fd=within)
        os.link(case.files[0], f"{case.case_id}/x.dcm", dst_dir_fd=within)
    lap(LAY_OUT, "mkdir and link in a loop")
    for case in cases:
        os.unlink(f"{case.case_id}/x.dcm", dir_fd=within)
        os.rmdir(case.case_id, dir_fd=within)
    os.close(within)
    root.rmdir()
    lap(REMOVE, "unlink and rmdir in a loop")


def _linked(cases: Sequence[BlindedCase], folder: Path, lap: Clock) -> None:
    _by_cp("cp -al", cases, folder, lap)


def _copied(cases: Sequence[BlindedCase], folder: Path, lap: Clock) -> None:
    _by_cp("cp -a", cases, folder, lap)


def _by_cp(command: str, cases: Sequence[BlindedCase], folder: Path, lap: Clock) -> None:
    program, options = command.split()
    tree, target = folder / "tree", folder / "target"
    if not tree.is_dir():
        for case in cases:
            (tree / case.case_id).mkdir(parents=True)
            (tree / case.case_id / "x.dcm").hardlink_to(case.files[0])
    lap("prepare", command)
    subprocess.run([program, options, tree, target], check=True)
    lap(LAY_OUT, command)
    subprocess.run(["rm", "-rf", target], check=True)
    lap(REMOVE, f"rm -rf of {command}")


def _sealed(folder: Path, n_cases: int, kilobytes: int) -> list[BlindedCase]:
    folder.mkdir()
    cases = []
    for _ in range(n_cases):
        file = folder / f"{secrets.token_hex(8)}.dcm"
        file.write_bytes(os.urandom(1024) * kilobytes)
        file.chmod(0o644)
        os.utime(file, (MTIME, MTIME))
        cases.append(BlindedCase(secrets.token_hex(8), (file,), {}))
    return cases


def _cpu() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
