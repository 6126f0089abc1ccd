"""The attacks are worth something only if they get something where a flag is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluator.sandbox import images as images_module
from evaluator.sandbox import runs as runs_module
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.limits import flags
from evaluator.sandbox.staging import Staged
from submissions.contract import Contract
from tests.attacks import arena
from tests.attacks.arena import breaches, host_addresses, run_attack, volumes_of
from tests.attacks.catalogue import ATTACKS, PRELUDE, Attack
from tests.support.engine import Creating

pytestmark = pytest.mark.engine

BY_NAME = {attack.name: attack for attack in ATTACKS}
KERNEL = "privileges: capabilities, user namespaces and the kernel's rarer doors"


@pytest.mark.parametrize(
    ("weaker", "name"),
    [
        ({"network_mode": "host"}, "network: reach the host and the metadata service"),
        (
            {"network_mode": "host"},
            "network: the engine's socket, abstract sockets and raw packets",
        ),
        ({"read_only": False}, "files: an image full of world-writable folders"),
        ({"cap_drop": None}, KERNEL),
        ({"security_opt": []}, KERNEL),
        ({"security_opt": []}, "privileges: setuid programs"),
        ({"security_opt": ["no-new-privileges", "seccomp=unconfined"]}, KERNEL),
        ({"security_opt": ["no-new-privileges"]}, KERNEL),
        (
            {"security_opt": ["no-new-privileges"]},
            "disk: blocks beyond the end of the output",
        ),
        ({"pids_limit": 64}, "processes: fork bomb"),
        ({"shm_size": 2**26}, "disk: fill /tmp and /dev/shm"),
        ({"tmpfs": {"/tmp": "exec,size=48m"}}, "disk: fill /tmp and /dev/shm"),
        ({"ulimits": []}, "disk: a sparse output of a terabyte"),
        ({"log_config": {"Type": "json-file", "Config": {}}}, "disk: flood the log"),
        ({"pid_mode": "host"}, "processes: see or end those of the host"),
        ({"devices": ["/dev/zero:/dev/mem:r"]}, "privileges: devices and settings of the host"),
    ],
    ids=str,
)
def test_without_a_flag_its_attack_gets_through(
    weaker: dict[str, object],
    name: str,
    engine: Engine,
    base_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs_module, "flags", lambda *given: {**flags(*given), **weaker})
    monkeypatch.setattr(runs_module, "not_granted", lambda *_: [])
    seen = run_attack(BY_NAME[name], engine, base_image, tmp_path)
    assert breaches(BY_NAME[name], seen)


@pytest.mark.parametrize("gone", ["healthcheck", "environment"])
def test_without_what_overrides_the_image_its_attack_gets_through(
    gone: str,
    engine: Engine,
    base_image: str,
    creating: Creating,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack = BY_NAME[
        {
            "healthcheck": "image: a HEALTHCHECK of its own",
            "environment": "image: an ENV that asks for every GPU",
        }[gone]
    ]
    creating({gone: None})
    monkeypatch.setattr(runs_module, "not_granted", lambda *_: [])
    seen = run_attack(attack, engine, base_image, tmp_path)
    assert breaches(attack, seen)


def test_a_query_that_leaves_is_noticed_where_nobody_answers_it(
    engine: Engine, base_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"network_mode": "bridge"}
    monkeypatch.setattr(runs_module, "flags", lambda *given: {**flags(*given), **changed})
    monkeypatch.setattr(runs_module, "not_granted", lambda *_: [])
    attack = BY_NAME["network: resolve a name"]
    found = breaches(attack, run_attack(attack, engine, base_image, tmp_path))
    noticed = {line.split()[2] for line in found if line.startswith("BREACH dns")}
    assert noticed >= {host for host in host_addresses() if not host.startswith("127.")}


def beside_labels(staged: Staged) -> Path:
    """The input with the labels in it, as a steward's slip would have it."""
    shutil.copy(staged.folder.parents[1] / "labels.csv", staged.input)
    return staged.input


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (beside_labels, "label bytes in /input/labels.csv"),
        (lambda staged: staged.folder.parent, "'run-"),
    ],
    ids=["labels beside the cases", "every run's folder"],
)
def test_what_lies_where_the_input_should_is_noticed(
    source: Callable[[Staged], Path],
    said: str,
    engine: Engine,
    base_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def weaker(staged: Staged, contract: Contract) -> dict[str, Any]:
        return flags(replace(staged, input=source(staged)), contract)

    monkeypatch.setattr(runs_module, "flags", weaker)
    attack = BY_NAME["files: look for labels and for other runs everywhere"]
    seen = run_attack(attack, engine, base_image, tmp_path)
    assert any(said in line for line in breaches(attack, seen)), seen.log


@pytest.mark.parametrize("stays", [False, True], ids=["removed", "kept"])
def test_a_volume_that_stays_is_noticed_and_with_the_container_it_goes(
    stays: bool, engine: Engine, base_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = Attack(
        "a declared VOLUME that no lint refused",
        f"{PRELUDE}\nopen('/data/x', 'w').write('x' * 4096)\nanswer()\n",
        extra="RUN mkdir /data && chmod 777 /data\nVOLUME /data\n",
    )
    remove = engine.client.api.remove_container
    if stays:
        monkeypatch.setattr(
            engine.client.api,
            "remove_container",
            lambda container, **asked: remove(container, **{**asked, "v": False}),
        )
    monkeypatch.setattr(images_module, "lint", lambda *_: None)
    monkeypatch.setattr(runs_module, "not_granted", lambda *_: [])
    monkeypatch.setattr(arena, "VOLUMES_GO_WITHIN", 3.0)
    before = volumes_of(engine)
    try:
        seen = run_attack(attack, engine, base_image, tmp_path)
    finally:
        kept = volumes_of(engine) - before
        for name in kept if stays else ():
            engine.client.volumes.get(name).remove(force=True)
    assert seen.failure is None, seen.detail
    assert [line for line in breaches(attack, seen) if "are still there" in line] == (
        [f"volumes {sorted(kept)} are still there"] if stays else []
    )
    assert bool(kept) is stays
