"""The ladder of baselines: ``python -m perf.ladder FOLDER radiographs|achievable|shortcut``.

``radiographs``: the NIH radiographs that SEQUESTRA_DATA points at; each 2D baseline trained on the
open part, packaged, run sequestered, compared. ``achievable``: ``densenet`` beside what the true
risks of a simulation reach. ``shortcut``: a network that learnt where the label chose the scanner,
tested where it does not. Each takes minutes; the tables go to perf/ladder.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.container import predict
from baselines.ladder import LADDER
from cohort_selection.cases import Case
from cohort_selection.commons.simulation import expected_auroc, simulate
from cohort_selection.pixels.picture import header_fields
from cohort_selection.sequestration.open_list import read_open, write_open
from evaluator.comparison import Comparison
from evaluator.disclosure.control import Release
from evaluator.scoring.results import OVERALL
from evaluator.scoring.score import AnalysisPlan, read_tables, score
from evaluator.stores.installation import Installation
from metrics.discrimination.curves import auroc

ROOT = Path(__file__).resolve().parent.parent
KEPT = Path(__file__).resolve().parent / "ladder.json"
PROGRAM = (sys.executable, "-c", "from evaluator.cli import main; main()")
IMAGES = ("prevalence", "demographics", "headers", "radiomics", "densenet")
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


@dataclass(frozen=True, slots=True)
class Climber:
    """One model of a board: its name there, its baseline, what it learns from, options."""

    name: str
    baseline: str
    opened: Path
    options: tuple[str, ...] = ()

    @property
    def team(self) -> str:
        """Baselines that see no picture are marked as the organisers'."""
        return "Baseline" if not LADDER[self.baseline].sees_pixels else TEAM


def climbed(folder: Path, file: Path, climbers: Sequence[Climber]) -> dict[str, Any]:
    """Train, package and enter each model; run the queue; give what the board has of each."""
    name = tomllib.loads(file.read_text())["benchmark"]["name"]
    home, cards = folder / "home", {}
    for number, each in enumerate(climbers):
        model, tag = folder / f"model-{number}", f"sequestra-perf/ladder-{number}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        asked: tuple[str | Path, ...] = ("--benchmark", file, *each.options)
        sequestra("train", each.opened, "--baseline", each.baseline, "--output", model, *asked)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if LADDER[each.baseline].sees_pixels:
            sequestra("export", model)
        sequestra("package", "--model", model, "--tag", tag)
        card = json.loads((model / "card.json").read_text())
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cards[each.name] = {"train_seconds": round(spent, 1), "home": card["validation_auroc"]}
        named = ("--team", each.team, "--model", each.name)
        entry = ("--benchmark", name, *named, "--threshold", f"{card['threshold']:.6f}")
        sequestra("submit", tag, *entry, "--home", home)
        print(f"{each.name}: {spent:.0f} s of CPU, validation {card['validation_auroc']:.3f}")
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
        of = cards[release.model]
        if found is not None:
            of["auroc"] = [found.value, found.low, found.high]
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
    models = {each.submission_id: each.model for each in compared.entries}
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
    more = {"densenet": ("--epochs", "40", "--patience", "15")}
    climbers = [Climber(name.capitalize(), name, opened, more.get(name, ())) for name in IMAGES]
    return climbed(folder, file, climbers)


def achievable(folder: Path, patients: int = 300, seeds: int = 2) -> dict[str, Any]:
    """How near ``densenet`` comes to what the simulation's true risks reach, and at what cost.

    It is trained on one simulated commons and tested on another, of other patients.
    """
    listed, _ = simulated(folder / "train", patients, seed=17)
    tested, risks = simulated(folder / "test", 600, seed=991)
    labels = np.array([bool(case.label) for case in read_open(tested)])
    best = expected_auroc(risks)
    found = []
    for seed in range(seeds):
        spent = trained(folder / f"model-{seed}", listed, "--seed", str(seed))
        reached = auroc(labels, scores(folder / f"model-{seed}", tested, folder / f"input-{seed}"))
        share = (reached - 0.5) / (best - 0.5)
        found.append({"auroc": reached, "share": share, "train_seconds": spent})
        print(f"seed {seed}: AUROC {reached:.3f} of {best:.3f}, {share:.2f}, {spent:.0f} s of CPU")
    return {"patients": patients, "achievable": best, "models": found}


def trained(model: Path, listed: Path, *more: str) -> float:
    """Train and export ``densenet``; give the seconds of CPU that the training took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    longer = ("--epochs", "40", "--patience", "40", "--imbalance", "none", *more)
    sequestra("train", listed, "--baseline", "densenet", "--output", model, *longer)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    sequestra("export", model)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def simulated(
    folder: Path, patients: int, seed: int, planted: float = 0.0
) -> tuple[Path, NDArray[np.float64]]:
    """Simulate a commons; give the list of all its cases, and their true risks."""
    made = simulate(folder, patients=patients, seed=seed, shortcut=planted)
    files = {file.parent.name: file for file in made.dicom.rglob("*.dcm")}
    with made.clinical.open(newline="") as table:
        cases = [
            Case(
                row["study_uid"],
                row["case_ids"],
                (files[row["study_uid"]],),
                int(row["opacity"]),
                {"sex": row["sex"], "manufacturer": manufacturer(files[row["study_uid"]])},
            )
            for row in csv.DictReader(table)
        ]
    with made.truth.open(newline="") as table:
        risks = {row["study_uid"]: float(row["risk"]) for row in csv.DictReader(table)}
    write_open(folder / "open.csv", cases, ("sex", "manufacturer"))
    return folder / "open.csv", np.array([risks[case.case_id] for case in cases])


def manufacturer(file: Path) -> str:
    return header_fields(file, ["Manufacturer"])["Manufacturer"]


def scores(model: Path, listed: Path, folder: Path) -> NDArray[np.float64]:
    """What the program of a model's image answers, in the order of the list."""
    cases = read_open(listed)
    folder.mkdir()
    for case in cases:
        (folder / "images" / case.case_id).mkdir(parents=True)
        (folder / "images" / case.case_id / "1.dcm").symlink_to(case.files[0])
    rows = "".join(f"{case.case_id},1\n" for case in cases)
    (folder / "cases.csv").write_text("case_id,n_files\n" + rows)
    predict.predict(model, folder, folder / "out.csv", threads=1)
    with (folder / "out.csv").open(newline="") as table:
        return np.array([float(row["probability"]) for row in csv.DictReader(table)])


def shortcut(folder: Path, patients: int = 300, share: float = 0.9) -> dict[str, Any]:
    """A network that learnt where the label chose the scanner, and one that did not.

    Both are tested on a commons where every site has its own scanner.
    """
    tested, _ = simulated(folder / "test", 600, seed=991)
    found: dict[str, Any] = {"share": share}
    for name, planted in (("plain", 0.0), ("planted", share)):
        listed, _ = simulated(folder / name, patients, seed=17, planted=planted)
        model = folder / f"model-{name}"
        spent = trained(model, listed)
        found[name] = by_scanner(model, tested, folder / f"input-{name}")
        found[name]["train_seconds"] = spent
        print(name, json.dumps(found[name], indent=1))
    return found


def by_scanner(model: Path, tested: Path, folder: Path) -> dict[str, Any]:
    """AUROC, sensitivity and specificity of everybody and by manufacturer, as a report has them."""
    card = json.loads((model / "card.json").read_text())
    table = folder.with_suffix(".csv")
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "label", "probability", "manufacturer"])
        for case, value in zip(read_open(tested), scores(model, tested, folder), strict=True):
            known = case.case_id, case.patient_id, case.label
            writer.writerow([*known, f"{value:.6f}", case.attributes["manufacturer"]])
    (given,) = read_tables(table, table, subgroups=("manufacturer",)).values()
    plan = AnalysisPlan(subgroups=("manufacturer",), replicates=0)
    judged = score(
        given.y, given.scores, given.patient_id, given.attributes, plan, card["threshold"]
    )
    wanted = ("auroc", "sensitivity", "specificity")
    return {
        f"{each.metric} {each.level}": [each.estimate.value, each.estimate.low, each.estimate.high]
        for each in judged.results
        if each.metric in wanted
    } | {"home": card["validation_auroc"]}


STUDIES = {"radiographs": radiographs, "achievable": achievable, "shortcut": shortcut}


def main() -> None:
    """Run one study in a new folder, and keep its table."""
    parser = argparse.ArgumentParser(prog="python -m perf.ladder", description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder to work in")
    parser.add_argument("study", choices=tuple(STUDIES))
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    found = STUDIES[options.study](options.folder)
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    KEPT.write_text(json.dumps(kept | {options.study: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
