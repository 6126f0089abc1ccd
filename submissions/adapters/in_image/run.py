"""The program of an adapted image: gives another platform's program the cases in its own form.

Needs Python 3.7 or newer in the image; for images of grand-challenge SimpleITK too.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

from redirect import HERE, ROOT, redirected

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")

Settings = Dict[str, Any]
Row = Dict[str, str]


class CannotRun(Exception):
    """The program did not give what was expected; the message says what to do."""


def main() -> int:
    """Run the image's own program on all cases, and write predictions.csv."""
    settings = json.loads((HERE / "adapter.json").read_text(encoding="utf-8"))
    with (INPUT / "cases.csv").open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file))
    score = {"grand-challenge": case_by_case, "midrc": all_at_once}[settings["platform"]]
    try:
        scores = score(cases, settings)
        missing = [row["case_id"] for row in cases if row["case_id"] not in scores]
        if missing and settings["missing"] is None:
            raise CannotRun(
                "the program gave no score for %d of %d cases; declare one with --missing"
                % (len(missing), len(cases))
            )
        scores.update((case_id, settings["missing"]) for case_id in missing)
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case_id", settings["column"]])
        rows.writerows([row["case_id"], f"{scores[row['case_id']]:.6f}"] for row in cases)
    return 0


def case_by_case(cases: List[Row], settings: Settings) -> Dict[str, float]:
    """Start the program once for each case, as grand-challenge's exec mode does."""
    scores = {}
    for row in cases:
        source, written = emptied("input"), emptied("output")
        folder = source / settings["socket"]
        folder.mkdir(parents=True)
        write_mha(INPUT / "images" / row["case_id"], folder / f"{row['case_id']}.mha")
        sockets = [socket_of(settings["socket"], "Image", f"{row['case_id']}.mha")]
        for path, column in settings["json"].items():
            if column not in row:
                raise CannotRun(
                    "cases.csv has no column %r for --json-input; the benchmark shows: %s"
                    % (column, ", ".join(sorted(set(row) - {"case_id", "n_files"})) or "none")
                )
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(json.dumps(plain(row[column])), encoding="utf-8")
            sockets.append(socket_of(path, "Value", plain(row[column])))
        (source / "inputs.json").write_text(json.dumps(sockets), encoding="utf-8")
        start(settings)
        scores[row["case_id"]] = probability(document(written, settings), settings["key"])
    return scores


def all_at_once(cases: List[Row], settings: Settings) -> Dict[str, float]:
    """Start the program once, with input.csv, as MIDRC's example images ask."""
    source, written = emptied("input"), emptied("output")
    emptied("scratch")
    # Two dots: a reader of tables takes none of these for a number.
    studies = {f"2.25.{index}": row["case_id"] for index, row in enumerate(cases, start=1)}
    with (source / "input.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["studyInstanceUID", "filepath"])
        for uid, case_id in studies.items():
            for image in sorted((INPUT / "images" / case_id).glob("*.dcm")):
                rows.writerow([uid, str(image)])
    start(settings)
    scores = {}
    for study in document(written, settings).get("studies", ()):
        uid = str(study.get("studyInstanceUID"))
        if uid not in studies:
            raise CannotRun(f"{settings['output']} has a study {uid!r} that was not in input.csv")
        outputs = study.get("classificationOutput", ())
        chosen = [each for each in outputs if settings["key"] in ("", each.get("key"))]
        if len(chosen) != 1:
            keys = ", ".join(str(each.get("key")) for each in outputs)
            raise CannotRun(f"{settings['output']} has the keys {keys}; choose one with --key")
        scores[studies[uid]] = probability(chosen[0], "output.1")
    return scores


def emptied(name: str) -> Path:
    """A new empty folder below ROOT."""
    folder = Path(ROOT) / name
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def socket_of(path: str, kind: str, value: Any) -> Settings:
    """One entry of inputs.json; older templates read it by `interface`, newer ones by `socket`."""
    name = Path(path).name
    slug = name[: -len(".json")] if name.endswith(".json") else name
    socket = {"slug": slug, "relative_path": path, "super_kind": kind}
    image = {"name": value} if kind == "Image" else None
    return {
        "socket": socket,
        "interface": socket,
        "image": image,
        "file": None,
        "value": None if image else value,
    }


def write_mha(folder: Path, target: Path) -> None:
    """Write the DICOM files of a case as one MetaImage: the series with the most files.

    Three dimensions always, slices in the order of their positions, rescaled intensities.
    """
    import SimpleITK as sitk

    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames
    series = [
        names(str(folder), uid) for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    ]
    if not series:
        raise CannotRun("SimpleITK finds no DICOM series in a case")
    files = max(series, key=len)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(files)
    image = reader.Execute()
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    sitk.WriteImage(image, str(target), True)


def start(settings: Settings) -> None:
    """Run the image's own command, its paths and those of the environment redirected."""
    command = [redirected(word) for word in settings["command"]]
    environment = {name: redirected(value) for name, value in os.environ.items()}
    # The image's libraries may lie where PYTHONPATH says; ours are in this folder alone.
    code = subprocess.call(command, env=environment)
    if code:
        raise CannotRun(f"the program of the image ended with {code}; see its lines above")


def document(folder: Path, settings: Settings) -> Any:
    """The JSON document that the program wrote."""
    file = folder / settings["output"]
    if not file.is_file():
        left = sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))
        raise CannotRun(
            "the program wrote no /output/%s but: %s"
            % (settings["output"], ", ".join(left) or "nothing")
        )
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise CannotRun(f"/output/{settings['output']} is not JSON") from None


def probability(value: Any, key: str) -> float:
    """The number at a place such as `0.metrics.covid` of a document."""
    for step in filter(None, key.split(".")):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise CannotRun(f"the document has nothing at {key!r}; see --key") from None
    usable = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not usable or not math.isfinite(value) or not 0 <= value <= 1:
        raise CannotRun(
            f"the document has {value!r} at {key!r}, which is no probability; see --key"
        )
    return float(value)


def plain(text: str) -> Any:
    """An attribute as JSON would have it: a number where it is one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
