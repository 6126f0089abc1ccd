"""A small algorithm as grand-challenge runs one: an image in /input, a score in /output."""

from __future__ import annotations

import json
import math
from pathlib import Path

import SimpleITK

INPUT_PATH = Path("/input")
OUTPUT_PATH = Path("/output")
MODEL_PATH = Path("/opt/ml/model")


def main() -> int:
    """Read the one image of the socket, write one probability."""
    sockets = json.loads((INPUT_PATH / "inputs.json").read_text(encoding="utf-8"))
    print("sockets:", ", ".join(each["socket"]["slug"] for each in sockets))
    (file,) = (INPUT_PATH / "images" / "chest-xray").glob("*.mha")
    image = SimpleITK.Cast(SimpleITK.ReadImage(str(file)), SimpleITK.sitkFloat32)
    statistics = SimpleITK.StatisticsImageFilter()
    statistics.Execute(image)
    weight = json.loads((MODEL_PATH / "weight.json").read_text(encoding="utf-8"))
    score = 1 / (1 + math.exp(-weight * (statistics.GetMean() / statistics.GetMaximum() - 0.5)))
    (OUTPUT_PATH / "chest-xray-classification.json").write_text(
        json.dumps({"opacity": score}), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
