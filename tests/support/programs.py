"""What the images of these tests do, and the small benchmark that they are entered for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.commands import succeed
from tests.support.installation import Installed
from tests.support.walkthrough import BENCHMARK, always_the_same_draw, small_benchmark

CASES = 40
SECOND = "second-opacity"
"""The name of another benchmark, where a test wants one."""

READ = """
import csv, hashlib, os, sys, time
rows = list(csv.DictReader(open('/input/cases.csv')))
def value(case_id):
    folder = '/input/images/' + case_id
    (name,) = os.listdir(folder)
    return int(hashlib.sha256(open(folder + '/' + name, 'rb').read()).hexdigest()[:8], 16) / 2**32
def write(values):
    with open('/output/predictions.csv', 'w') as out:
        print('case_id,probability', file=out)
        for case_id, shown in values:
            print(case_id + ',' + shown, file=out)
"""
HONEST = "write((row['case_id'], format(value(row['case_id']), '.6f')) for row in rows)\n"
"""The same image gives the same value for the same bytes, in any order and company."""

WAITING = """
while not os.path.exists('/input/go'):
    time.sleep(0.05)
if os.path.exists('/input/otherwise'):
    write((row['case_id'], '0.500000') for row in rows)
    sys.exit()
"""
"""It goes on when the test lays a mark into its input; another mark has it predict otherwise."""

PROGRAMS = {
    "honest": READ + HONEST,
    "other": READ + HONEST + "# another image\n",
    "slow": READ + "time.sleep(4)\n" + HONEST,
    "slower": READ + "time.sleep(45)\n" + HONEST,
    "waiting": READ + WAITING + HONEST,
    "waiting, another": READ + WAITING + HONEST + "# another image\n",
    "crashing": READ + "sys.exit(3)\n",
    # The second run, of a few cases, is told by their number.
    **{
        f"drifts by {by}": READ
        + f"shown = format(0.3 if len(rows) == {CASES} else 0.3 + {by}, '.6f')\n"
        + "write((row['case_id'], shown) for row in rows)\n"
        for by in ("0.00005", "0.01")
    },
    "nan": READ + "write((row['case_id'], 'nan') for row in rows)\n",
}


SMALLER = {
    "replicates = 2000": "replicates = 200",
    "repeat_share = 0.1": "repeat_share = 0.0",
    "per_team = 20": "per_team = 3",
}


def change(benchmark: Path, lines: Mapping[str, str]) -> None:
    """Have other lines in a benchmark's file."""
    text = benchmark.read_text()
    for line, instead in lines.items():
        assert f"\n{line}\n" in text, line
        text = text.replace(f"\n{line}\n", f"\n{instead}\n")
    benchmark.write_text(text)


def sealed_home(folder: Path) -> Path:
    """Simulate a commons and seal a small cohort of it; its home folder."""
    benchmark = small_benchmark(folder, BENCHMARK, CASES)
    change(benchmark, SMALLER)
    commons, catalog = folder / "commons", folder / "catalog"
    home = folder / "home"
    always_the_same_draw(home)
    succeed("simulate", commons, "--patients", "120")
    tables = [
        part
        for name in ("clinical.csv", "measurement.tsv")
        for part in ("--clinical", commons / name)
    ]
    succeed("index", commons / "dicom", *tables, "--output", catalog)
    of = ("--catalog", catalog, "--home", home)
    succeed("sequester", benchmark, "--open", folder / "open.csv", *of)
    succeed("match", BENCHMARK, *of)
    succeed("seal", BENCHMARK, "--no-look", *of)
    make_store(home)
    return home


def seal_second(installed: Installed, sealed: Path, folder: Path, lines: Mapping[str, str]) -> None:
    """Seal ``SECOND`` beside the benchmark of an installation, with other lines in its file."""
    file = small_benchmark(folder, BENCHMARK, CASES).rename(folder / f"{SECOND}.toml")
    change(file, {f'name = "{BENCHMARK}"': f'name = "{SECOND}"', **lines})
    for command in (
        ("sequester", file, "--open", folder / "open.csv", "--catalog", sealed.parent / "catalog"),
        ("match", SECOND, "--catalog", sealed.parent / "catalog"),
        ("seal", SECOND, "--no-look", "--catalog", sealed.parent / "catalog"),
    ):
        ended = installed.command(*command)
        assert ended.code == 0, ended.complained


def make_store(home: Path) -> None:
    """Make the empty MLflow store once: its many migrations would be each copy's to run."""
    from mlflow import MlflowClient

    (home / "mlflow").mkdir()
    MlflowClient(tracking_uri=f"sqlite:///{home}/mlflow/mlflow.db").search_experiments()
