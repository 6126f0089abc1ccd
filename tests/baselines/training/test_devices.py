from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from baselines.choices import SettingsError
from baselines.networks import registry
from baselines.training import devices
from baselines.training.devices import Place, compiled, joined, laid_out, prepared
from baselines.training.settings import Settings

CPU = Place(torch.device("cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that is asked for")
def test_a_gpu_that_is_not_there_is_said() -> None:
    with (
        pytest.raises(SettingsError, match="torch finds no GPU here"),
        joined(Settings(device="cuda")),
    ):
        pass
    with joined(Settings(device="auto")) as place:
        assert place == CPU
        assert place.readers(-1) == 0
        assert place.readers(3) == 3


def test_the_first_layer_already_has_its_channels_last() -> None:
    """One channel looks the same in both layouts, and torch then keeps the slower one."""
    network = prepared(registry.build("densenet-small"), CPU)
    given: list[torch.Tensor] = []
    first = next(part for part in network.modules() if isinstance(part, nn.Conv2d))
    first.register_forward_hook(lambda *found: given.append(found[2]))
    network(laid_out(torch.rand(2, 1, 64, 64)))
    assert given[0].is_contiguous(memory_format=torch.channels_last)


def test_float16_needs_a_gpu() -> None:
    with (
        pytest.raises(SettingsError, match="needs a GPU"),
        joined(Settings(device="cpu", precision="float16")),
    ):
        pass


def test_a_processor_without_bfloat16_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("flags : fpu avx2 avx512f\n")
    assert not devices._has_bfloat16(told)
    told.write_text("flags : fpu avx2 avx512_bf16\n")
    assert devices._has_bfloat16(told)
    monkeypatch.setattr(devices, "_has_bfloat16", lambda: False)
    with joined(Settings(device="cpu", precision="bfloat16")) as place:
        assert place.precision == torch.bfloat16
    assert "slower with it" in caplog.text


def test_a_batch_too_small_for_the_processes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(SettingsError, match="4 processes"), joined(Settings(batch=7, device="cpu")):
        pass


def test_a_compiler_that_fails_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a machine without a C++ compiler, where the first call raises."""

    class Failing(nn.Module):
        def forward(self, _: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda _: Failing())
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = compiled(network, torch.rand(4, 2), CPU)
    assert found is network
    assert "no C++ compiler" in caplog.text
    monkeypatch.setattr(torch, "compile", lambda given: given)
    assert compiled(network, torch.rand(4, 2), CPU) is network
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(weights.grad is None for weights in network.parameters())
