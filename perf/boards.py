"""Boards with thousands of releases: this build and a former one over the same ledger, as ratios.

    python -m perf.boards [--releases 10000] [--former REVISION] [--kept FILE]

A temporary folder gets an installation whose ledger the former build made and filled (a release has
about 190 kB). The former build serves it, then this build brings it up to date and serves it. Each
time is beside that of an empty route of the same server in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).resolve().parent.parent
NAME = "simulated-opacity"
_CASES = 1_500


def main() -> None:
    """Measure both builds and print their times."""
    parser = argparse.ArgumentParser(prog="python -m perf.boards", description=__doc__)
    parser.add_argument("--releases", type=int, default=10_000)
    parser.add_argument("--former", default="e754f3d", help="revision of the former build")
    parser.add_argument("--former-releases", type=int, default=1_000, help="0 leaves it out")
    parser.add_argument("--kept", type=Path, help="JSON to write")
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        former = folder / "former"
        _git("worktree", "add", "--detach", str(former), options.former)
        try:
            found = _both(folder, former, options)
        finally:
            _git("worktree", "remove", "--force", str(former))
    print(json.dumps(found, indent=1))
    if options.kept:
        options.kept.write_text(json.dumps(found, indent=1) + "\n")


def _both(folder: Path, former: Path, options: argparse.Namespace) -> dict[str, object]:
    home = folder / "home"
    (home / "benchmarks").mkdir(parents=True)
    shutil.copy(REPOSITORY / "benchmarks" / f"{NAME}.toml", home / "benchmarks")
    template = folder / "release.json"
    template.write_text(_template())

    def fill(first: int, last: int) -> None:
        ledger = str(home / "public" / "ledger.sqlite")
        _python(former, "-c", _FILL, ledger, str(template), str(first), str(last))

    fill(0, options.former_releases)
    found: dict[str, object] = {
        "releases": options.releases,
        "releases_of_former": options.former_releases,
        "bytes_of_a_release": template.stat().st_size,
        "former": _measured(former, home, 5, None) if options.former_releases else None,
    }
    fill(options.former_releases, options.releases)
    began = time.perf_counter()
    _python(REPOSITORY, "-m", "sequestra", "status", "--home", str(home))
    found["brought up to date, once (s)"] = round(time.perf_counter() - began, 2)
    n_pages = -(-options.releases // 100)
    found["new"] = _measured(REPOSITORY, home, options.requests, n_pages)
    return found


def _template() -> str:
    """A release of a simulated cohort, as the benchmark's plan scores it, marked where rows differ.

    The former build writes the same document.
    """
    import numpy as np

    from evaluator.disclosure.control import release
    from evaluator.disclosure.rule import Disclosure
    from evaluator.scoring.analysis_plan import AnalysisPlan
    from evaluator.scoring.score import score
    from submissions.submission import State, Submission

    rng = np.random.default_rng(1)
    y = rng.random(_CASES) < 0.4
    s = np.round(1 / (1 + np.exp(-(rng.normal(size=_CASES) + 1.4 * y - 0.9))), 6)
    attributes = {
        "sex": rng.choice(["Female", "Male"], _CASES),
        "age_group": rng.choice(["18-39", "40-59", "60-74", "75+"], _CASES),
        "race": rng.choice(["White", "Asian", "Black or African American"], _CASES),
    }
    plan = AnalysisPlan(
        subgroups=tuple(attributes), intersections=(("race", "sex"),), replicates=200
    )
    scored = score(y, s, np.arange(_CASES).astype(str), attributes, plan, 0.5, target=None)
    submission = Submission(
        submission_id="THE-SUBMISSION",
        team="THE TEAM",
        model="THE MODEL",
        benchmark=NAME,
        image_digest="sha256:" + "1f" * 32,
        threshold=0.5,
        state=State.RELEASED,
        received=datetime(2026, 1, 3, tzinfo=UTC),
    )
    shown = release(
        scored, submission=submission, cohort_digest="sha256:" + "c0" * 32, rule=Disclosure()
    )
    return shown.to_json()


_FILL = """
import sys, json, random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from submissions.ledger import writing
from submissions.ledger.ledger import Ledger
from submissions.submission import State, Submission

path, template = sys.argv[1], json.loads(open(sys.argv[2]).read())
first, last = int(sys.argv[3]), int(sys.argv[4])
shown = {"auroc", "average_precision", "brier", "ece", "calibration_slope", "sensitivity",
         "specificity"}
marked = json.loads(json.dumps(template))
values = {}
for place, result in enumerate(marked["results"]):
    if (result["attribute"], result["level"]) == ("overall", "all"):
        if result["metric"] in shown and isinstance(result["estimate"]["value"], float):
            values[place] = result["estimate"]["value"]
            result["estimate"]["value"] = f"VALUE {place}."
text = json.dumps(marked, sort_keys=True, separators=(",", ":"))
ledger, rng = Ledger("sqlite:///" + path), random.Random(first)
for start in range(first, last, 500):
    with ledger._transaction() as connection:
        for number in range(start, min(start + 500, last)):
            name, team = f"{number:012x}", f"Team {number % 900}"
            when = datetime(2026, 1, 3, tzinfo=UTC) + timedelta(hours=number)
            document = text.replace("THE-SUBMISSION", name).replace("THE TEAM", team)
            document = document.replace("THE MODEL", f"Model {number}")
            document = document.replace("2026-01-03T00:00:00+00:00", when.isoformat())
            for place, value in values.items():
                changed = repr(round(value - rng.random() / 10, 4))
                document = document.replace(f'"VALUE {place}."', changed)
            writing.receive(connection, Submission(
                submission_id=name, team=team, model=f"Model {number}",
                benchmark=template["benchmark"], image_digest=template["image_digest"],
                threshold=0.5, state=State.RECEIVED, received=when), None, None)
            way = [State.LINTED, State.QUEUED, State.RUNNING, State.SCORING]
            writing.steps(connection, name, way)
            writing.publish(connection, name, f"{number:064x}", document, State.RELEASED)
"""


@dataclass(frozen=True)
class _Asked:
    """Seconds of each request, and processor seconds of the server for all together."""

    seconds: list[float]
    cpu: float


def _measured(build: Path, home: Path, requests: int, n_pages: int | None) -> dict[str, object]:
    """Times of one build: routes as multiples of an empty one, a command, a first paint.

    ``n_pages`` are the pages of the new build's board; None for the former, which has one.
    """
    found: dict[str, object] = {}
    with _served(build, home) as (url, pid), httpx.Client(base_url=url, timeout=None) as client:
        found["board, the very first (s)"] = _once(client, f"/benchmarks/{NAME}")
        _many(client, pid, lambda k: "/healthz", 20)
        empty = _many(client, pid, lambda k: "/healthz", 300)
        found["empty route"] = _told(empty, empty)
        for name, path in _ways(n_pages).items():
            found[name] = _told(_many(client, pid, path, requests), empty)
            print(name, found[name], flush=True)
        rows = "" if n_pages is None else "?rows=1000"
        found["first paint (s)"] = _painted(f"{url}/benchmarks/{NAME}{rows}")
    before = _children()
    began = time.perf_counter()
    _python(build, "-m", "sequestra", "leaderboard", NAME, "--home", str(home))
    found["sequestra leaderboard (s)"] = round(time.perf_counter() - began, 2)
    found["sequestra leaderboard, processor (s)"] = round(_children() - before, 2)
    return found


def _ways(n_pages: int | None) -> dict[str, Callable[[int], str]]:
    board = f"/benchmarks/{NAME}"
    ways: dict[str, Callable[[int], str]] = {
        "board, the same page": lambda k: board,
        "front page": lambda k: "/",
        "report, each another": lambda k: f"/submissions/{k:012x}",
        "report, the same": lambda k: f"/submissions/{1:012x}",
    }
    if n_pages is None:
        return ways
    return ways | {
        "board, each another page": lambda k: f"{board}?page={k % n_pages + 1}",
        "board, each another search of 100 rows": lambda k: (
            f"{board}?q={'Model'[: 1 + k // n_pages % 5]}&page={k % n_pages + 1}"
        ),
        "benchmark page": lambda k: f"{board}/about",
    }


def _told(asked: _Asked, empty: _Asked) -> dict[str, float]:
    """Median and 95th percentile, processor time, and these as multiples of the empty route's."""
    middle, high = statistics.median(asked.seconds), _p95(asked.seconds)
    cpu, least = (each.cpu / len(each.seconds) for each in (asked, empty))
    return {
        "median_ms": round(middle * 1000, 2),
        "p95_ms": round(high * 1000, 2),
        "processor_ms": round(cpu * 1000, 2),
        "median_ratio": round(middle / statistics.median(empty.seconds), 1),
        "p95_ratio": round(high / _p95(empty.seconds), 1),
        "processor_ratio": round(cpu / least, 1),
        "n": len(asked.seconds),
    }


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(0.95 * len(seconds)))]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _once(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return round(time.perf_counter() - began, 3)


def _many(client: httpx.Client, pid: int, path: Callable[[int], str], n: int) -> _Asked:
    found = []
    before = _cpu(pid)
    for k in range(n):
        began = time.perf_counter()
        answer = client.get(path(k))
        found.append(time.perf_counter() - began)
        answer.raise_for_status()
    return _Asked(found, _cpu(pid) - before)


_PAINTED = "performance.getEntriesByName('first-contentful-paint')"


def _painted(url: str) -> float:
    """Seconds to the first contentful paint in Chromium, the best of three new contexts."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(3):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.goto(url)
            page.wait_for_function(f"{_PAINTED}.length")
            found.append(page.evaluate(f"{_PAINTED}[0].startTime / 1000"))
            page.context.close()
        browser.close()
    return round(min(found), 3)


@contextmanager
def _served(build: Path, home: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "sequestra", "serve", "--home", str(home), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=build, env=_environment(build), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if told := re.search(r"http://\S+", line):
                yield told[0], process.pid
                return
        raise AssertionError(f"the service ended with {process.wait()}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _python(build: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        cwd=build,
        env=_environment(build),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _environment(build: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(build), "PYTHONUNBUFFERED": "1"}


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(REPOSITORY), *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main()
