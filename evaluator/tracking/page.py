"""Writes docs/mlflow.md, with the table of every name of a metric.

``python -m evaluator.tracking.page > docs/mlflow.md`` writes it from the names that runs use.
"""

from __future__ import annotations

import sys

from evaluator.glossary import figure
from evaluator.tracking.headline import (
    HEADLINE,
    MOST_GROUPS,
    PRIMARY_GAP,
    PRIMARY_GAP_P,
    WORST_GROUP,
)

_HEAD = """\
# Results in MLflow

Made by `python -m evaluator.tracking.page`; do not edit.

Every release has one run in MLflow, in the experiment `sequestra/BENCHMARK`. To look at the runs of
an installation in `home`, start MLflow's own server on its store and open the address that it
prints:

```sh
mlflow server --backend-store-uri sqlite:///home/mlflow/mlflow.db --port 5000
```

Where `MLFLOW_TRACKING_URI` names a server, the runs are on that server. To compare models, choose
their runs in the list and press *Compare*: the run's name, the tags `team` and `model`, and the
metrics below stand beside each other.

A result that is held, or refused, has no run. A run has nothing that the release does not show: no
case, no label, no score.

## Metrics

The lower and the upper bound of a figure's interval are the metrics of the same name with `.low`
and `.high`; those of groups are in `figures.csv`. A figure that the release does not show has no
metric.

| metric | figure over all cases | better |
| --- | --- | --- |
"""
_AFTER = """
A benchmark whose primary figure is another one has that as well, under its written name.

| metric | meaning |
| --- | --- |
"""
_OWN = {
    f"`{PRIMARY_GAP}`": "the gap that the benchmark declares first: largest less smallest over "
    "the groups",
    f"`{PRIMARY_GAP_P}`": "p-value of the test that these groups are alike, adjusted for all "
    "declared gaps",
    f"`{WORST_GROUP}`": "the primary figure in the group that is worst off; the tag `worst group` "
    "names it",
    "`PRIMARY/ATTRIBUTE/LEVEL`": "the primary figure in one group, as `auroc/sex/Female`; of the "
    f"first {MOST_GROUPS} groups in the order of the plan, without intersections",
}
_NAMES = """
If a level has a character that MLflow does not take, is too long, or could be taken for another,
the name ends in twelve characters of its own; the artifact `keys.json` gives figure, attribute and
level of such a metric in full. Runs of former builds keep the metrics that they have.

## What else a run has

| where | what |
| --- | --- |
"""
_ELSE = {
    "run name": "team and model",
    "tags `team`, `model`, `benchmark`, `worst group`": "as on the board",
    "tag `how values are told`": "under `ladder` and `thresholdout`: which AUROC the metric is",
    "tags `sequestra.*`": "submission, release, and the digests of image, cohort, analysis plan "
    "and code",
    "parameters": "threshold and counts of the release",
    "dataset": "the benchmark's name with the digest of its sealed cohort; nothing can be loaded "
    "from it",
    "start and end": "the hour in which the submission was received, and the hour of the release; "
    "they tell nothing about how long the model ran",
    "`report.html`, `charts/`": "the report, and its charts as SVG: both open in the list of "
    "artifacts",
    "`release.json`, `figures.csv`": "every released figure, as JSON and as a table",
    "`fact-sheet.json`": "what the team says of its model, if it came with a fact sheet",
}


def page() -> str:
    """The whole page in Markdown."""
    known = {name: figure(name) for name in HEADLINE}
    better = {name: each.better or f"near {each.ideal}" for name, each in known.items()}
    lines = [f"| `{name}` | {each.name} | {better[name]} |" for name, each in known.items()]
    own = [f"| {name} | {meaning} |" for name, meaning in _OWN.items()]
    others = [f"| {where} | {what} |" for where, what in _ELSE.items()]
    parts = (_HEAD, "\n".join(lines), "\n", _AFTER, "\n".join(own), "\n", _NAMES)
    return "".join((*parts, "\n".join(others), "\n"))


if __name__ == "__main__":
    sys.stdout.write(page())
