"""The ladder of baselines on one board: ``python -m perf.ladder FOLDER radiographs|shortcut``.

``radiographs``: the NIH radiographs that SEQUESTRA_DATA points at; each 2D baseline trained on the
open part, packaged, run sequestered, compared. ``shortcut``: the same on simulated commons, one as
it is and one whose scanner was chosen by the label, both judged on a cohort in which scanner and
label are independent. Takes minutes; the table goes to perf/ladder.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baselines.ladder import LADDER
from cohort_selection.commons.simulation import simulate
from evaluator.comparison import Comparison
from evaluator.disclosure.control import Release
from evaluator.scoring.results import OVERALL
from evaluator.stores.installation import Installation

ROOT = Path(__file__).resolve().parent.parent
KEPT = Path(__file__).resolve().parent / "ladder.json"
PROGRAM = (sys.executable, "-c", "from evaluator.cli import main; main()")
IMAGES = ("prevalence", "demographics", "headers", "radiomics", "densenet")
BLIND = {name for name, rung in LADDER.items() if not rung.sees_pixels}
TEAM = "Ladder lab"
FREEZE = 5
"""Submissions after which a board is compared."""


def sequestra(*arguments: str | Path) -> str:
    """Run a command to its end; stop with its words where it is refused."""
    found = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    ended = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env=found | {"COLUMNS": "160", "NO_COLOR": "1"},
    )
    if ended.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def benchmark(folder: Path, source: str, changes: Mapping[str, Mapping[str, object]]) -> Path:
    """Write a benchmark's file like a shipped one, with keys of its tables changed."""
    text = (ROOT / "benchmarks" / f"{source}.toml").read_text()
    tables: dict[str, Any] = tomllib.loads(text)
    for name, keys in changes.items():
        tables[name] = tables.get(name, {}) | keys
    file = folder / f"{source}.toml"
    file.write_text("\n".join(_toml(tables)) + "\n")
    return file


def _toml(tables: Mapping[str, Any], prefix: str = "") -> list[str]:
    plain = {k: v for k, v in tables.items() if not isinstance(v, dict)}
    lines = [f"[{prefix}]"] if prefix and plain else []
    lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in tables.items():
        if isinstance(value, dict):
            name = json.dumps(key) if not key.isidentifier() else key
            lines += ["", *_toml(value, f"{prefix}.{name}" if prefix else name)]
    return lines


def sealed(folder: Path, dicom: Path, tables: Sequence[Path], file: Path) -> Path:
    """Index, split, match and seal; give the list of the open part as it is handed out."""
    catalog, home = folder / "catalog", folder / "home"
    clinical = [part for table in tables for part in ("--clinical", table)]
    sequestra("index", dicom, *clinical, "--output", catalog)
    placed = ("--catalog", catalog, "--home", home)
    sequestra("sequester", file, *placed, "--open", folder / "open.csv")
    name = tomllib.loads(file.read_text())["benchmark"]["name"]
    sequestra("match", name, *placed)
    accepted = "a study of shortcuts: they are what is measured"
    sequestra("seal", name, *placed, "--accept-shortcuts", accepted)
    sequestra("open-part", folder / "open.csv", "--output", folder / "open")
    return folder / "open" / "open.csv"


def climbed(
    folder: Path, opened: Path, file: Path, options: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Train, package and enter each baseline; run the queue; give what the board has of each."""
    name = tomllib.loads(file.read_text())["benchmark"]["name"]
    home, cards = folder / "home", {}
    for baseline in IMAGES:
        model, tag = folder / baseline, f"sequestra-perf/{baseline}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        asked = ("--benchmark", file, *options.get(baseline, ()))
        sequestra("train", opened, "--baseline", baseline, "--output", model, *asked)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if LADDER[baseline].sees_pixels:
            sequestra("export", model)
        sequestra("package", "--model", model, "--tag", tag)
        card = json.loads((model / "card.json").read_text())
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cards[baseline] = {"train_seconds": round(spent, 1), "home": card["validation_auroc"]}
        team = "Baseline" if baseline in BLIND else TEAM
        named = ("--team", team, "--model", baseline.capitalize())
        entry = ("--benchmark", name, *named, "--threshold", f"{card['threshold']:.6f}")
        sequestra("submit", tag, *entry, "--home", home)
        print(
            f"{baseline}: trained in {spent:.0f} s of CPU, validation {cards[baseline]['home']:.3f}"
        )
    sequestra("run", "--wait", "--home", home)
    print(sequestra("leaderboard", name, "--home", home))
    return told(home, name, cards)


def told(home: Path, name: str, cards: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add AUROC, tier and differences of the board's comparison to what is known of each."""
    ledger = Installation.existing(home).ledger()
    newest = ledger.comparisons.last(name)
    compared = None
    if newest is not None:
        compared = Comparison.from_json(ledger.comparisons.numbered(newest.number).document)
    for entry in ledger.releases(name):
        release = Release.from_json(entry.document)
        found = release.find("auroc")
        of = cards[release.model.casefold()]
        if found is not None:
            of["auroc"] = [found.value, found.low, found.high]
        of["by_manufacturer"] = {
            f"{each.metric} {each.level}": each.estimate.value
            for each in release.results
            if each.attribute == "manufacturer"
            and each.metric in {"auroc", "sensitivity", "specificity", "observed_minus_expected"}
        }
        if compared is not None:
            entries = {each.submission_id: each for each in compared.entries}
            placed = entries.get(release.submission_id)
            of["tier"] = None if placed is None else placed.tier
            of["ranks"] = None if placed is None else [placed.rank_low, placed.rank_high]
    cards["differences"] = {} if compared is None else differences(compared)
    ledger.close()
    return cards


def differences(compared: Comparison) -> dict[str, list[float]]:
    """Difference in AUROC of each pair, its interval, and p adjusted over all pairs."""
    models = {each.submission_id: each.model.casefold() for each in compared.entries}
    return {
        f"{models[pair.first]} less {models[pair.second]}": [
            pair.difference,
            pair.low,
            pair.high,
            pair.adjusted_p,
        ]
        for pair in compared.pairs
        if (pair.attribute, pair.level) == OVERALL
    }


def radiographs(folder: Path) -> dict[str, Any]:
    """Real radiographs: any finding against none."""
    root = Path(os.environ.get("SEQUESTRA_DATA", "")) / "images" / "nih_cxr"
    if not (root / "metadata.csv").is_file():
        sys.exit("SEQUESTRA_DATA points at no images/nih_cxr; see tests/README for the data")
    commons = folder / "commons"
    sequestra("import-images", root, "--metadata", root / "metadata.csv", "--output", commons)
    file = benchmark(
        folder,
        "nih-any-finding",
        {
            "contract": {"visible": ["sex", "age_group", "view"]},
            "cohort": {"size": 180},
            "board": {"freeze_every": FREEZE},
        },
    )
    opened = sealed(folder, commons / "dicom", [commons / "clinical.csv"], file)
    return climbed(folder, opened, file, {"densenet": ("--epochs", "40", "--patience", "15")})


def shortcut(folder: Path, share: float = 0.9) -> dict[str, Any]:
    """A commons as it is, and one with a planted shortcut, each judged where it does not hold."""
    found = {}
    for name, planted in (("plain", 0.0), ("planted", share)):
        here = folder / name
        here.mkdir()
        commons = here / "commons"
        made = simulate(commons, patients=1000, seed=1, shortcut=planted)
        file = benchmark(here, "simulated-opacity", _independent())
        tables = [commons / "clinical.csv", commons / "measurement.tsv"]
        opened = sealed(here, commons / "dicom", tables, file)
        found[name] = climbed(here, opened, file, {}) | {"achievable": made.achievable_auroc}
    return found


def _independent() -> dict[str, dict[str, Any]]:
    """A cohort half of each scanner, with the same share of positives on both."""
    shares = {"1 x Brightwell": 0.2, "0 x Brightwell": 0.3}
    shares |= {"1 x Alderney Imaging": 0.2, "0 x Alderney Imaging": 0.3}
    return {
        "contract": {"visible": ["sex", "age_group", "race"]},
        "cohort": {"size": 120, "target": {"label x manufacturer": shares}, "within": []},
        "board": {"freeze_every": FREEZE},
        "analysis": {
            "subgroups": ["sex", "manufacturer"],
            "gaps": ["sensitivity by manufacturer"],
            "intersections": [],
        },
    }


def main() -> None:
    """Run one study in a new folder, and keep its table."""
    parser = argparse.ArgumentParser(prog="python -m perf.ladder", description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder to work in")
    parser.add_argument("study", choices=("radiographs", "shortcut"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    found = {"radiographs": radiographs, "shortcut": shortcut}[options.study](options.folder)
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    KEPT.write_text(json.dumps(kept | {options.study: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
