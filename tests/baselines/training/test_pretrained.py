from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from baselines.choices import SettingsError
from baselines.networks import registry
from baselines.targets import Task
from baselines.training import pretrained

SMALL = "densenet-small"


def test_all_but_the_head_of_another_task_is_taken(tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = registry.build(SMALL, Task("multilabel", ("a", "b", "c"))).state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in before.items()}}, tmp_path / "w.pt")
    network = registry.build(SMALL)
    fitted, of = pretrained.take(network, tmp_path / "w.pt")
    assert of - fitted == 2  # weight and bias of the head
    for name, value in network.state_dict().items():
        assert value.shape != before[name].shape or torch.equal(value, before[name])


def test_torchvisions_names_and_colours_are_understood(tmp_path: Path) -> None:
    """torchvision's DenseNet has denselayer1.norm1.weight, MONAI's denselayer1.layers.norm1."""
    source = registry.build(SMALL).state_dict()
    theirs = {re.sub(r"(denselayer\d+)\.layers\.", r"\1.", k): v for k, v in source.items()}
    assert any(".norm1.weight" in name and "layers" not in name for name in theirs)
    theirs["features.conv0.weight"] = torch.ones(16, 3, 7, 7)
    torch.save(theirs, tmp_path / "w.pt")
    network = registry.build(SMALL)
    fitted, of = pretrained.take(network, tmp_path / "w.pt")
    assert fitted == of
    assert torch.equal(
        network.state_dict()["features.conv0.weight"], torch.full((16, 1, 7, 7), 3.0)
    )


def test_weights_of_another_network_and_other_files_are_refused(tmp_path: Path) -> None:
    torch.save(registry.build("densenet121").state_dict(), tmp_path / "w.pt")
    with pytest.raises(SettingsError, match=r"fit .* tensors by name and shape"):
        pretrained.take(registry.build(SMALL), tmp_path / "w.pt")
    (tmp_path / "w.pt").write_bytes(b"none")
    with pytest.raises(SettingsError, match="cannot be read"):
        pretrained.take(registry.build(SMALL), tmp_path / "w.pt")
    with pytest.raises(SettingsError, match="cannot be read"):
        pretrained.take(registry.build(SMALL), tmp_path / "missing.pt")
