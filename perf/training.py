"""The demonstration's training, the present build and an earlier one in turns in one run.

``python -m perf.training --before REVISION`` takes an earlier build out of git, trains the open
part of the demonstration with each build and precision, seed after seed, and measures processor
seconds, the time by the clock, and the AUROC on simulated patients whom no training saw. Their true
risks are known, so the AUROC is the expected one over labels. ``--one`` is what a training itself
runs in: a process of its own build.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from perf.timing import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "training.json"
PATIENTS, HELD_OUT, SIZE = 600, 800, 96


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m perf.training", description=__doc__)
    parser.add_argument("--before", default="", help="revision of the earlier build")
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where data and models are kept")
    parser.add_argument("--one", help="settings of one training, as JSON", default="")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_one(json.loads(options.one))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        _prepare(folder)
        rows = _rounds(folder, options.before, options.seeds, options.threads)
    found = {"machine": machine(), "threads": options.threads, "rows": rows}
    RESULTS.write_text(json.dumps(found | {"summary": summary(rows)}, indent=1) + "\n")
    print(json.dumps(summary(rows), indent=1))


def _rounds(folder: Path, before: str, seeds: int, threads: int) -> list[dict[str, object]]:
    """Train with every program in turn, seed after seed."""
    programs: dict[str, tuple[Path, dict[str, object]]] = {
        "float32": (HERE.parent, {}),
        "bfloat16": (HERE.parent, {"precision": "bfloat16"}),
    }
    if before:
        programs = {"before": (_build(before, folder / "before"), {})} | programs
    rows: list[dict[str, object]] = []
    kept = folder / "rows.json"
    if kept.is_file():
        rows = json.loads(kept.read_text())
    for seed in range(seeds):
        for name, (root, further) in programs.items():
            if any(row["program"] == name and row["seed"] == seed for row in rows):
                continue
            asked = {
                "folder": str(folder),
                "output": str(folder / "models" / f"{name}-{seed}"),
                "settings": {"seed": seed, "size": SIZE, "threads": threads} | further,
            }
            ended = subprocess.run(
                [sys.executable, HERE / "training.py", "--one", json.dumps(asked)],
                env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{HERE.parent}"},
                cwd=folder,
                capture_output=True,
                text=True,
                check=True,
            )
            rows.append(
                {"program": name, "seed": seed, **json.loads(ended.stdout.splitlines()[-1])}
            )
            kept.write_text(json.dumps(rows))
            print(json.dumps(rows[-1]), flush=True)
    return rows


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    """Medians of each program and its ratio to the earlier build, in pairs of one seed."""
    found: dict[str, object] = {}
    by = {(row["program"], row["seed"]): row for row in rows}
    for name in dict.fromkeys(str(row["program"]) for row in rows):
        mine = [row for row in rows if row["program"] == name]
        aurocs = np.array([float(str(row["auroc"])) for row in mine])
        entry: dict[str, object] = {
            "seeds": len(mine),
            "cpu_seconds": float(np.median([float(str(row["cpu"])) for row in mine])),
            "wall_seconds": float(np.median([float(str(row["wall"])) for row in mine])),
            "epoch_cpu_seconds": float(
                np.median([float(str(row["cpu_an_epoch"])) for row in mine])
            ),
            "auroc": round(float(aurocs.mean()), 4),
            "auroc_sd": round(float(aurocs.std(ddof=1)), 4) if len(mine) > 1 else None,
        }
        for what in ("cpu", "wall", "cpu_an_epoch"):
            ratios = [
                float(str(before[what])) / float(str(row[what]))
                for row in mine
                if (before := by.get(("before", row["seed"]))) is not None
            ]
            if ratios:
                entry[f"times_faster_{what}"] = round(float(np.median(ratios)), 2)
        found[name] = entry
    return found


def _prepare(folder: Path) -> None:
    """Make the demonstration's open part, and patients of another simulation to test on."""
    from baselines.container.images import model_input

    if (folder / "test.npz").is_file():
        return
    command = [sys.executable, "-m", "evaluator.cli"]
    benchmark = str(HERE.parent / "benchmarks" / "simulated-opacity.toml")
    commons = folder / "commons"
    for step in (
        ["simulate", commons, "--patients", PATIENTS],
        ["simulate", folder / "other", "--patients", HELD_OUT, "--seed", 2],
        [
            *("index", commons / "dicom", "--clinical", commons / "clinical.csv"),
            *("--clinical", commons / "measurement.tsv", "--output", folder / "catalog"),
        ],
        [
            *("sequester", benchmark, "--catalog", folder / "catalog"),
            *("--open", folder / "open.csv", "--home", folder / "home"),
        ],
        ["open-part", folder / "open.csv", "--output", folder / "open"],
    ):
        subprocess.run(
            [*command, *(str(part) for part in step)],
            check=True,
            cwd=HERE.parent,
            stdout=subprocess.DEVNULL,
        )
    with (folder / "other" / "truth.csv").open(newline="") as table:
        risk = {row["study_uid"]: float(row["risk"]) for row in csv.DictReader(table)}
    images, risks = [], []
    for file in sorted((folder / "other" / "dicom").rglob("*.dcm")):
        uid = next((part for part in (*file.parts, file.stem) if part in risk), None)
        if uid is None:
            continue
        images.append(model_input(file, SIZE))
        risks.append(risk[uid])
    np.savez(folder / "test.npz", images=np.stack(images), risks=np.array(risks))


def _build(revision: str, folder: Path) -> Path:
    """Take a build out of git."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", revision], check=True, cwd=HERE.parent, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x"], check=True, cwd=folder, input=archive)
    return folder


def _one(asked: dict[str, object]) -> dict[str, object]:
    """Train once with the build that PYTHONPATH names, and score the test images."""
    import torch

    import baselines  # noqa: F401 - sets OMP_WAIT_POLICY before torch comes
    from baselines.packaging import onnx
    from baselines.training import train as training

    folder, output = Path(str(asked["folder"])), Path(str(asked["output"]))
    settings = training.Settings(**asked["settings"])  # type: ignore[arg-type]
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    address = f"sqlite:///{folder / 'mlflow.db'}"
    marks: list[tuple[float, float]] = []

    def seen(what: str, done: int, total: int) -> None:
        if what.startswith("training"):
            marks.append((time.perf_counter(), time.process_time()))

    wall, cpu = time.perf_counter(), time.process_time()
    card = training.train(
        folder / "open" / "open.csv", output, settings, tracking_uri=address, progress=seen
    )
    took = time.perf_counter() - wall, time.process_time() - cpu
    model, _ = onnx.load(output)
    data = np.load(folder / "test.npz")
    with torch.inference_mode():
        scores = np.concatenate(
            [
                model(torch.from_numpy(data["images"][k : k + 64, np.newaxis])).numpy()
                for k in range(0, len(data["images"]), 64)
            ]
        )
    np.savez(output / "scores.npz", scores=scores)
    return {
        "wall": round(took[0], 2),
        "cpu": round(took[1], 2),
        # From the first word of the training to its last: epochs and validation, no start.
        "cpu_an_epoch": round((marks[-1][1] - marks[0][1]) / max(1, card.epochs), 4),
        "epochs": card.epochs,
        "validation_auroc": round(card.validation_auroc, 4),
        "auroc": round(expected_auroc(scores, data["risks"]), 4),
        "achievable": round(expected_auroc(data["risks"], data["risks"]), 4),
        "slope": card.slope,
        "intercept": card.intercept,
        "prevalence": card.prevalence,
    }


def expected_auroc(scores: np.ndarray, risks: np.ndarray) -> float:
    """AUROC in expectation over labels drawn from the true risks."""
    from sklearn.metrics import roc_auc_score

    labels = np.repeat([1, 0], len(scores))
    weights = np.concatenate([risks, 1 - risks])
    return float(roc_auc_score(labels, np.tile(scores, 2), sample_weight=weights))


if __name__ == "__main__":
    main()
