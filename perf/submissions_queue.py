"""The queue beside the bare engine: overhead, a container a case, two workers, many submissions.

    python -m perf.submissions_queue FOLDER [overhead] [workers] [throughput] [--submissions 1000]

FOLDER is where the simulated installation is made, once. Needs a container engine and the Docker
command line.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from evaluator.benchmark.specification import read_benchmark
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from evaluator.stores.enclave import Enclave
from submissions.host.base_image import build, ensure_base_image
from submissions.ledger.ledger import Ledger
from submissions.submission import State

BENCHMARK = "queue"
TASK_OPTIONS = ("-b", BENCHMARK, "--team", "A team")
PROGRAM = (sys.executable, "-c", "from evaluator.cli import main; main()")
ROUNDS = 5
FEW = 10
AT_A_TIME = 100

LIGHT = """
import csv, os
with open('/input/cases.csv') as lines, open('/output/predictions.csv', 'w') as out:
    print('case_id,probability', file=out)
    for row in csv.DictReader(lines):
        folder = '/input/images/' + row['case_id']
        data = b''.join(open(folder + '/' + name, 'rb').read() for name in os.listdir(folder))
        print(row['case_id'] + ',' + format(sum(data[-4096:]) % 1000 / 1000, '.6f'), file=out)
"""
BUSY = LIGHT.replace("    for row", "    import hashlib\n    for row").replace(
    "        print",
    "        hashlib.pbkdf2_hmac('sha256', data[-64:], b'', 400_000)\n        print",
)
DOCKERFILE = """ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY predict.py /app/predict.py
ENTRYPOINT ["python3", "/app/predict.py"]
"""
TASK = """
[benchmark]
name = "queue"

[cohort]
modalities = ["CR", "DX"]
label = "opacity"
sequestered_share = 0.85
size = {size}
tolerance = 1.0

[contract]
memory_mb = 512

[quota]
per_team = 100000
"""


def main() -> None:
    """Run the measurements named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m perf.submissions_queue", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", nargs="*", default=["overhead", "workers", "throughput"])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--submissions", type=int, default=1000)
    options = parser.parse_args()
    sealed = installation(options.folder, options.cases)
    if "overhead" in options.what:
        overhead(sealed)
    if "workers" in options.what:
        workers(sealed)
    if "throughput" in options.what:
        small = installation(options.folder, 60)
        throughput(small, options.submissions)


def overhead(sealed: Path) -> None:
    """`sequestra run` of one submission, `docker run` by hand, and a container a case.

    A command starts Python and Dask, and with --wait MLflow; one that watches the queue has them,
    and is timed from the entry to the release.
    """
    image = image_of(LIGHT)
    ours: list[float] = []
    tracked: list[float] = []
    watching: list[float] = []
    bare: list[float] = []
    single: list[float] = []
    n = 0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=sealed.parent) as folder, ExitStack() as laid_out:
            scratch = Path(folder)
            home = copied(sealed, scratch)
            sequestra("submit", image, *TASK_OPTIONS, "--model", "M", home=home)
            with timing(ours):
                sequestra("run", home=home)
            assert_released(home, 2)
            until_tracked(home)
            entered(home, labelled(image, time.monotonic_ns()), 0)
            with timing(tracked):
                sequestra("run", "--wait", home=home)
            assert_released(home, 3)
            with watched(home):
                for number in range(2):  # the first warms it up
                    entered(home, labelled(image, time.monotonic_ns()), 1 + number)
                    began = time.monotonic()
                    until_released(home, 4 + number)
                    took = time.monotonic() - began
                    until_tracked(home)
            watching.append(took)
            staged, n = by_hand(home, laid_out)
            with timing(bare):
                docker_run(image, staged, scratch)
            few = [one_case(staged, scratch, number) for number in range(FEW)]
            with timing(single):
                for each in few:
                    docker_run(image, each, scratch)
    command, by_hand_ = statistics.median(ours), statistics.median(bare)
    warm, waited = statistics.median(watching), statistics.median(tracked)
    each_case = statistics.median(single) * n / FEW
    print(f"sequestra run, {n} cases              {command:8.2f} s")
    print(f"sequestra run --wait, MLflow's run too {waited:7.2f} s")
    print(f"docker run by hand, the same files    {by_hand_:8.2f} s")
    print(f"sequestra run --watch, entry to release {warm:6.2f} s")
    print(
        f"more than by hand: the command {command - by_hand_:.2f} s, with MLflow's run "
        f"{waited - by_hand_:.2f} s, watching {warm - by_hand_:.2f} s; allowed "
        f"0.05 x {by_hand_:.2f} + 2 = {0.05 * by_hand_ + 2:.2f} s"
    )
    ratio = each_case / command
    print(f"a container a case, {FEW} of {n}         {each_case:8.1f} s, {ratio:.0f} x")


def workers(sealed: Path) -> None:
    """One worker with one slot, and two, over a model that keeps one processor busy."""
    image = image_of(BUSY)
    took: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(3):
        for n in (1, 2):
            with tempfile.TemporaryDirectory(dir=sealed.parent) as folder, ExitStack() as running:
                home = copied(sealed, Path(folder))
                sequestra("submit", image, *TASK_OPTIONS, "--model", "M", home=home)
                port = 18_786 + 10 * turn + n
                address = f"tcp://127.0.0.1:{port}"
                dask(running, "scheduler", "--port", str(port), "--no-dashboard")
                for _ in range(n):
                    dask(
                        *(running, "worker", address, "--nthreads", "1", "--no-dashboard"),
                        *("--resources", "SLOT=1 MEMORY=4000"),
                    )
                time.sleep(8)
                with timing(took[n]):
                    sequestra("run", "--scheduler", address, "--shards", "2", home=home)
                assert_released(home, 2)
    one, two = statistics.median(took[1]), statistics.median(took[2])
    print(f"one worker {one:.1f} s, two workers {two:.1f} s: {one / two:.2f} x")


def throughput(sealed: Path, submissions: int) -> None:
    """Many submissions of a trivial model, and as many bare containers from the same engine.

    The dispatcher is stopped now and then, for as long as bare containers run: a machine that is
    faster at one time than at another is so for both.
    """
    base = image_of(LIGHT)
    images = [labelled(base, number) for number in range(submissions)]
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(dir=sealed.parent) as scratch, ExitStack() as laid_out:
        home = copied(sealed, Path(scratch))
        staged, _ = by_hand(home, laid_out)
        for number, image in enumerate(images):
            entered(home, image, number)
        theirs.append(bare_rate(base, staged, AT_A_TIME))
        began = time.monotonic()
        with Path(scratch, "log").open("w") as log:
            running = subprocess.Popen(
                [*PROGRAM, "run", "--home", str(home)], env=quiet(), stdout=log, stderr=log
            )
        laid_out.callback(running.kill)
        bare = 0.0
        released = 1
        while True:
            went_on = time.monotonic()
            while (seen := n_released(home)) < min(released + AT_A_TIME, submissions + 1):
                assert running.poll() is None, Path(scratch, "log").read_text()[-2000:]
                time.sleep(0.1)
            ours.append((seen - released) / (time.monotonic() - went_on))
            released = seen
            if released == submissions + 1:
                break
            running.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            theirs.append(bare_rate(base, staged, AT_A_TIME))
            bare += time.monotonic() - stopped
            running.send_signal(signal.SIGCONT)
        took = time.monotonic() - began - bare
        running.wait()
        until_tracked(home)
        tracked = time.monotonic() - began - bare
    for mine, bare_one in zip(ours, theirs, strict=True):
        print(f"  {mine:.2f} a second, bare containers {bare_one:.2f}: {mine / bare_one:.0%}")
    whole, limit = submissions / took, statistics.harmonic_mean(theirs)
    print(f"{submissions} submissions released in {took:.0f} s: {whole:.2f} a second")
    print(f"with their MLflow runs {tracked:.0f} s: {submissions / tracked:.2f} a second")
    print(f"the engine's own start rate {limit:.2f} a second: {whole / limit:.0%}")


def n_released(home: Path) -> int:
    """Read by SQL alone: the library would take a good part of a processor from what is timed."""
    with closing(sqlite3.connect(home / "public" / "ledger.sqlite")) as connection:
        found = connection.execute("SELECT count(DISTINCT submission_id) FROM releases")
        return int(found.fetchone()[0])


def bare_rate(image: str, staged: Path, n: int) -> float:
    """Containers a second that this engine creates, starts, waits for and removes."""
    import docker

    client = docker.from_env()
    output = staged.parent / "bare.csv"
    output.touch()
    output.chmod(0o666)

    def one(_: int) -> None:
        container = client.containers.create(
            image,
            network_mode="none",
            read_only=True,
            volumes={
                str(staged): {"bind": "/input", "mode": "ro"},
                str(output): {"bind": "/output/predictions.csv", "mode": "rw"},
            },
        )
        container.start()
        container.wait()
        container.remove(force=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        began = time.monotonic()
        list(pool.map(one, range(n)))
        return n / (time.monotonic() - began)


# What is measured on


def installation(folder: Path, cases: int) -> Path:
    """A home with a sealed cohort of so many simulated cases; made where it is missing."""
    home = folder / f"home-{cases}"
    if home.exists():
        return home
    made = folder / f"making-{cases}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    commons, draft = made / "commons", made / "home"
    task = made / f"{BENCHMARK}.toml"
    task.write_text(TASK.format(size=cases))
    sequestra("simulate", str(commons), "--patients", str(max(120, int(cases * 1.3))), home=None)
    tables = ["--clinical", str(commons / "clinical.csv")]
    catalog = str(made / "catalog")
    sequestra("index", str(commons / "dicom"), *tables, "-o", catalog, home=None)
    sequestra("sequester", str(task), "-c", catalog, "--open", str(made / "open.csv"), home=draft)
    sequestra("match", BENCHMARK, "-c", catalog, home=draft)
    sequestra("seal", BENCHMARK, "-c", catalog, *sealing(), home=draft)
    # An installation in use has its MLflow store, which takes seconds to make.
    sequestra("submit", image_of(LIGHT + "#"), *TASK_OPTIONS, "--model", "First", home=draft)
    sequestra("run", "--wait", home=draft)
    draft.rename(home)
    shutil.rmtree(made)
    return home


def sealing() -> list[str]:
    """What a simulated commons needs to be sealed."""
    return []


def copied(home: Path, scratch: Path) -> Path:
    """A copy of a home whose sealed images are links."""
    shutil.copytree(home, scratch / "home", copy_function=link_or_copy)
    return scratch / "home"


def link_or_copy(source: str, target: str) -> str:
    """Link images; copy what is written to."""
    if source.endswith(".dcm"):
        os.link(source, target)
        return target
    return str(shutil.copy2(source, target))


def by_hand(home: Path, laid_out: ExitStack) -> tuple[Path, int]:
    """The cohort's cases laid out for a container; the folder, and how many."""
    cohort = Enclave(home / "enclave").cohort(BENCHMARK)
    contract = read_benchmark(home / "benchmarks" / f"{BENCHMARK}.toml").contract
    blinded = cohort.blinded(b"0" * 32)
    staged = laid_out.enter_context(stage(blinded, contract, home / "by-hand"))
    return staged.input, len(blinded)


@contextmanager
def watched(home: Path) -> Iterator[None]:
    """A dispatcher that waits for entries."""
    running = subprocess.Popen(
        [*PROGRAM, "run", "--watch", "--home", str(home)], env=quiet(), stdout=subprocess.DEVNULL
    )
    try:
        yield
        assert running.poll() is None
    finally:
        running.terminate()
        running.wait()


def until_released(home: Path, n: int) -> None:
    """Wait for so many releases."""
    ledger = Ledger(f"sqlite:///{home}/public/ledger.sqlite")
    while len(ledger.submissions(state=State.RELEASED)) < n:
        time.sleep(0.02)
    ledger.close()


def until_tracked(home: Path) -> None:
    """Wait until MLflow has what was released."""
    ledger = Ledger(f"sqlite:///{home}/public/ledger.sqlite")
    while ledger.untracked():
        time.sleep(0.02)
    ledger.close()


def one_case(given: Path, scratch: Path, number: int) -> Path:
    """An input with one case alone."""
    header, *rows = (given / "cases.csv").read_text().splitlines()
    folder = scratch / f"one-{number}-{time.monotonic_ns()}"
    (folder / "images").mkdir(parents=True)
    (folder / "cases.csv").write_text(f"{header}\n{rows[number]}\n")
    case = rows[number].split(",")[0]
    shutil.copytree(given / "images" / case, folder / "images" / case)
    return folder


def docker_run(image: str, given: Path, scratch: Path) -> None:
    """What a person would type."""
    with tempfile.NamedTemporaryFile(dir=scratch) as output:
        Path(output.name).chmod(0o666)
        subprocess.run(
            [
                "docker", "run", "--rm", "--network", "none", "--read-only", "--cpus", "1",
                "--memory", "512m", "-v", f"{given}:/input:ro",
                "-v", f"{output.name}:/output/predictions.csv", image,
            ],
            check=True,
        )  # fmt: skip
        assert Path(output.name).stat().st_size > 0


def image_of(program: str) -> str:
    """An image that runs a program."""
    base = ensure_base_image()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "predict.py").write_text(program)
        Path(folder, "Dockerfile").write_text(DOCKERFILE)
        return build(Path(folder), f"sequestra/perf:{abs(hash(program)) % 10**8}", base)


def labelled(image: str, number: int) -> str:
    """The same image under another digest: a run of the first is not taken over for it."""
    made = subprocess.run(
        ["docker", "build", "--quiet", "--label", f"number={number}", "-"],
        input=f"FROM {image}\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


def entered(home: Path, image: str, number: int) -> None:
    """Submit through the library: a process each would take longer than the runs."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    found = Installation(home)
    engine = Engine.connect()
    lifecycle.submit(
        found, engine, found.benchmark(BENCHMARK), image,
        team=f"Team {number}", model="Trivial", threshold=0.5,
    )  # fmt: skip
    engine.close()


def assert_released(home: Path, n: int) -> None:
    """A run that failed would be fast."""
    ledger = Ledger(f"sqlite:///{home}/public/ledger.sqlite")
    assert len(ledger.submissions(state=State.RELEASED)) == n


def dask(running: ExitStack, *arguments: str) -> None:
    """A Dask process that ends with the measurement."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], env=quiet(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    running.callback(process.wait)
    running.callback(process.terminate)


def sequestra(*arguments: str, home: Path | None) -> None:
    """One command."""
    where = [] if home is None else ["--home", str(home)]
    subprocess.run(
        [*PROGRAM, *arguments, *where], env=quiet(), check=True, stdout=subprocess.DEVNULL
    )


def quiet() -> dict[str, str]:
    """The environment without what would lead a command elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SEQUESTRA_")}


@contextmanager
def timing(into: list[float]) -> Iterator[None]:
    """Append the seconds that something takes."""
    began = time.monotonic()
    yield
    into.append(time.monotonic() - began)


if __name__ == "__main__":
    main()
