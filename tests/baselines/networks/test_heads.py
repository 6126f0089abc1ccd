"""Heads and calibrated outputs of each kind of task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch

from baselines.container import answers
from baselines.ladder import LADDER, rung
from baselines.networks import registry
from baselines.networks.ordinal import Cumulative
from baselines.targets import Task, TaskError, targets_of
from cohort_selection.cases import Case

ISOTONIC = {"method": "isotonic", "x": [-1.0, 0.0, 0.5], "y": [0.1, 0.3, 0.8]}
LINE = {"method": "platt", "slope": 2.0, "intercept": 0.1}
KINDS: dict[str, tuple[Task, Sequence[Mapping[str, object]]]] = {
    "binary": (Task(), [LINE]),
    "binary, isotonic": (Task(), [ISOTONIC]),
    "multilabel": (Task("multilabel", ("a", "b", "c")), [ISOTONIC, LINE, ISOTONIC]),
    "multiclass": (Task("multiclass", ("a", "b", "c")), [{"slope": 0.5}]),
    "ordinal": (Task("ordinal", ("grade",), 4, lowest=2), [LINE]),
    "score": (Task("score", ("score",)), []),
}


class Given(torch.nn.Module):
    """Gives back what it is given, as logits."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits


@pytest.mark.parametrize("kind", KINDS)
def test_torch_answers_as_the_container_does(kind: str) -> None:
    task, calibrations = KINDS[kind]
    model = registry.Calibrated(Given(), task, calibrations)
    logits = np.random.default_rng(2).normal(0, 2, (50, task.n_logits)).astype(np.float32)
    found = model(torch.from_numpy(logits)).numpy().reshape(50, -1)
    expected = [
        answers.answer(task.kind, row, calibrations, task.lowest) for row in logits.tolist()
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert found.shape == (50, len(task.outputs))


def test_cuts_of_grades_never_cross() -> None:
    head = Cumulative(Given(), cuts=24)
    with torch.no_grad():
        head.steps.add_(torch.randn(23, generator=torch.Generator().manual_seed(1)))
    logits = head(torch.linspace(-5, 5, 7)[:, None])
    assert logits.shape == (7, 24)
    assert (logits[:, 1:] < logits[:, :-1]).all()
    # A severity one higher moves every logit by one: proportional odds.
    torch.testing.assert_close(
        head(torch.tensor([[2.0]])) - head(torch.tensor([[1.0]])), torch.ones(1, 24)
    )


def test_cuts_begin_evenly_from_minus_two_to_two() -> None:
    logits = Cumulative(Given(), cuts=5)(torch.zeros(1, 1))
    torch.testing.assert_close(logits, torch.tensor([[2.0, 1.0, 0.0, -1.0, -2.0]]))


@pytest.mark.parametrize("name", registry.NETWORKS)
def test_a_network_gives_the_logits_of_a_task(name: str) -> None:
    shape = (2, 1, 16, 32, 32) if registry.dimensions(name) == 3 else (2, 1, 64, 64)
    for task in (Task("multilabel", ("a", "b", "c")), Task("ordinal", ("grade",), 5)):
        network = registry.build(name, task).eval()
        with torch.inference_mode():
            assert network(torch.zeros(shape)).shape == (2, task.n_logits)


def test_targets_of_grades_are_cuts() -> None:
    task = Task("ordinal", ("grade",), 4)
    cuts = task.logit_targets(np.array([[0.0], [2.0], [3.0]]))
    assert cuts.tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_targets_of_an_open_list_are_counted_from_the_lowest_grade() -> None:
    def case(label: int, **targets: float | None) -> Case:
        return Case("c", "p", (), label, {}, targets)

    findings = Task("multilabel", ("a", "b"))
    found = targets_of([case(0, a=0.0, b=None), case(1, a=None, b=1.0)], findings)
    np.testing.assert_array_equal(found, np.array([[0, np.nan], [np.nan, 1]], dtype=np.float32))
    assert findings.defaults(found.astype(np.float64)) == (0.0, 1.0)
    grades = Task("ordinal", ("grade",), 4, lowest=2)
    found = targets_of([case(0, grade=2.0), case(1, grade=5.0)], grades)
    assert found.tolist() == [[0.0], [3.0]]
    assert grades.defaults(found.astype(np.float64)) == (3.5,)
    assert targets_of([case(1), case(0)], Task()).tolist() == [[1.0], [0.0]]
    with pytest.raises(TaskError, match="no targets of b, which a multilabel task needs"):
        targets_of([case(0, a=1.0)], findings)


def test_tasks_that_cannot_be_are_refused() -> None:
    with pytest.raises(TaskError, match="'regression', and baselines answer binary"):
        Task("regression")
    with pytest.raises(TaskError, match="one output, and 2 are named"):
        Task("binary", ("a", "b"))
    with pytest.raises(TaskError, match="at least 2 grades, and 0"):
        Task("ordinal", ("grade",))
    with pytest.raises(TaskError, match="answers ordinal tasks, and this one is binary"):
        rung("ordinal", Task())
    with pytest.raises(TaskError, match="choose from prevalence, demographics, headers"):
        rung("resnet", Task())
    assert [name for name, each in LADDER.items() if not each.sees_pixels] == [
        "prevalence",
        "demographics",
        "headers",
    ]
