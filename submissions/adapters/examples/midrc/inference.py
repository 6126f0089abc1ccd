"""A small classifier as MIDRC's examples are: /input/input.csv in, /output/output.json out."""

from __future__ import annotations

import csv
import json
import os


class Inference:
    """One run over all studies; the highest score of a study's images counts."""

    def __init__(self) -> None:
        self.input_dir = "/input"
        self.output_dir = "/output"
        self.scratch_dir = "/scratch"
        for folder in (self.output_dir, self.scratch_dir):
            if not os.path.exists(folder):
                os.mkdir(folder)

    def run(self) -> None:
        """Score each image, keep the log beside the answer as these images do."""
        scores: dict[str, float] = {}
        with open(os.path.join(self.input_dir, "input.csv"), encoding="utf-8") as table:
            for row in csv.DictReader(table):
                with open(row["filepath"], "rb") as image:
                    content = image.read()
                score = sum(content) / (255 * len(content))
                name = row["filepath"].replace("/", "-")
                with open(os.path.join(self.scratch_dir, name), "w", encoding="utf-8") as file:
                    file.write(str(score))
                uid = row["studyInstanceUID"]
                scores[uid] = max(score, scores.get(uid, 0.0))
        studies = [
            {
                "studyInstanceUID": uid,
                "classificationOutput": [
                    {"key": "codableConcept_covid19detection", "output": {"1": score}}
                ],
            }
            for uid, score in scores.items()
        ]
        with open(os.path.join(self.output_dir, "output.json"), "w", encoding="utf-8") as answer:
            json.dump({"usecase": "example", "modelname": "example", "studies": studies}, answer)
        with open(os.path.join(self.output_dir, "run.log"), "w", encoding="utf-8") as log:
            log.write("finished\n")


if __name__ == "__main__":
    Inference().run()
