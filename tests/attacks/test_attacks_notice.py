"""The attacks are worth something only if they get something where a flag is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator import engine as engine_module
from evaluator.engine import Engine
from evaluator.limits import flags
from tests.attacks.arena import breaches, host_addresses, run_attack
from tests.attacks.catalogue import ATTACKS

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
    monkeypatch.setattr(engine_module, "flags", lambda *given: {**flags(*given), **weaker})
    monkeypatch.setattr(engine_module, "not_granted", lambda *_: [])
    seen = run_attack(BY_NAME[name], engine, base_image, tmp_path)
    assert breaches(BY_NAME[name], seen)


@pytest.mark.parametrize("gone", ["healthcheck", "environment"])
def test_without_what_overrides_the_image_its_attack_gets_through(
    gone: str, engine: Engine, base_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = BY_NAME[
        {
            "healthcheck": "image: a HEALTHCHECK of its own",
            "environment": "image: an ENV that asks for every GPU",
        }[gone]
    ]
    create = engine.client.api.create_container
    monkeypatch.setattr(
        engine.client.api,
        "create_container",
        lambda digest, **asked: create(digest, **{**asked, gone: None}),
    )
    monkeypatch.setattr(engine_module, "not_granted", lambda *_: [])
    seen = run_attack(attack, engine, base_image, tmp_path)
    assert breaches(attack, seen)


def test_a_query_that_leaves_is_noticed_where_nobody_answers_it(
    engine: Engine, base_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"network_mode": "bridge"}
    monkeypatch.setattr(engine_module, "flags", lambda *given: {**flags(*given), **changed})
    monkeypatch.setattr(engine_module, "not_granted", lambda *_: [])
    attack = BY_NAME["network: resolve a name"]
    found = breaches(attack, run_attack(attack, engine, base_image, tmp_path))
    noticed = {line.split()[2] for line in found if line.startswith("BREACH dns")}
    assert noticed >= {host for host in host_addresses() if not host.startswith("127.")}
