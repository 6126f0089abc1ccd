"""Docker's two image stores and Podman's: one image, one digest, whatever the engine calls it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.sandbox import images
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.images import KEPT, LOADED
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
from submissions.host.base_image import docker, ensure_base_image
from submissions.predictions import read_predictions
from submissions.stage_times import Stage
from submissions.submission import ContractBroken, Failure, State
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.engines.conftest import Start
from tests.support.engine import build_image
from tests.support.image_layouts import Image, digest, own_layout, tar_of
from tests.support.installation import Installed, assert_true_state, one_sentence
from tests.support.programs import HONEST, READ
from tests.support.services import Scheduler, Worker, started
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engines

Connect = Callable[[str, str], Engine]

STORES = {"docker": "overlay2", "containerd": "containerd", "podman": "overlay"}
EVERY = pytest.mark.parametrize("kind", STORES)
ANSWER = f"{PRELUDE}\nanswer('0.25')\n"


def built(script: str = ANSWER, extra: str = "") -> str:
    """An image of a program, built by the engine that DOCKER_HOST names; its name."""
    known = build_image(ensure_base_image(), script, extra=extra)
    said = docker("image", "inspect", "--format", "{{index .RepoTags 0}}", known)
    return said.stdout.strip()


def names(engine: Engine) -> set[str]:
    """All that an engine has: names, and the ids of what has none."""
    found = engine.client.api.images(all=False)
    return {name for each in found for name in each["RepoTags"] or (each["Id"],)}


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, str]:
    """An archive that no engine has seen, and the digest of its configuration."""
    image = Image([tar_of({"app": str(tmp_path).encode()})])
    archive = tmp_path / "small.tar"
    archive.write_bytes(tar_of(own_layout(image)))
    return archive, f"sha256:{digest(image.configuration())}"


@EVERY
def test_an_archive_is_entered_by_the_digest_of_its_configuration(
    kind: str, connect: Connect, small: tuple[Path, str]
) -> None:
    engine, (archive, told) = connect("trixie", kind), small
    assert engine.connection.store == STORES[kind]
    before = names(engine)
    with engine.receive(str(archive), MILD) as found:
        engine.let_in(found, MILD)
        assert found.digest == told
        assert engine.has(told)
        engine.keep(told, "test-stores")
    (kept,) = names(engine) - before
    assert f"{KEPT}:test-stores." in kept
    assert engine.kept() == {"test-stores"}
    images._MANIFESTS.clear()  # as in another process
    assert engine.images.inspect(told).digest == told
    assert engine.forget("test-stores")
    assert not engine.has(told)
    assert names(engine) == before


@EVERY
def test_what_is_refused_leaves_nothing(
    kind: str, connect: Connect, small: tuple[Path, str]
) -> None:
    engine, (archive, told) = connect("trixie", kind), small
    before = names(engine)
    with pytest.raises(ContractBroken, match="refused"):
        refuse(engine, archive, told)
    assert names(engine) == before
    assert not engine.has(told)


def refuse(engine: Engine, archive: Path, told: str) -> None:
    with engine.receive(str(archive), MILD):
        assert engine.has(told)
        raise ContractBroken(Failure.IMAGE_INVALID, "refused")


def enter(engine: Engine, name: str, contract: Contract) -> None:
    with engine.receive(name, contract) as found:
        engine.let_in(found, contract)


@EVERY
def test_an_image_that_was_built_there_runs_and_its_unpacked_bytes_count(
    kind: str, connect: Connect, tmp_path: Path
) -> None:
    engine = connect("trixie", kind)
    name = built()
    cases, root = stage_cases(tmp_path, MILD)
    with engine.receive(name, MILD) as found:
        assert 100 * 2**20 < found.size_bytes < 200 * 2**20
        with pytest.raises(ContractBroken, match=r"(at most|over) 100 MB") as broken:
            enter(engine, name, replace(MILD, image_mb=100))
        assert broken.value.failure is Failure.IMAGE_TOO_LARGE
        engine.let_in(found, MILD)
        with stage(cases, MILD, root) as staged:
            engine.run(found.digest, staged, MILD, submission_id="test-stores")
            predicted = read_predictions(staged.predictions, CASE_IDS, MILD)
    assert set(predicted.values.values()) == {(0.25,)}


@EVERY
def test_a_program_that_is_missing_is_the_teams_fault_in_every_store(
    kind: str, connect: Connect, tmp_path: Path
) -> None:
    engine = connect("trixie", kind)
    name = built(extra='ENTRYPOINT ["/no/such/program"]\n')
    cases, root = stage_cases(tmp_path, MILD)
    probes = []
    for _ in range(2):  # the second time the probe is found, and not loaded again
        with (
            engine.receive(name, MILD) as found,
            stage(cases, MILD, root) as staged,
            pytest.raises(ContractBroken) as broken,
        ):
            engine.run(found.digest, staged, MILD, submission_id="test-stores")
        assert broken.value.failure is Failure.START_FAILED
        probes.append([each for each in names(engine) if f"{LOADED}:probe." in each])
    assert len(probes[0]) == 1
    assert probes[0] == probes[1]


@pytest.mark.parametrize("other", STORES)
@EVERY
def test_what_one_host_saves_another_loads(
    kind: str, other: str, connect: Connect, tmp_path: Path
) -> None:
    one = connect("trixie", kind)
    saved = tmp_path / "saved.tar"
    with one.receive(built(), MILD) as found:
        one.save(found.digest, saved)
    two = connect("trixie", other)
    before = names(two)
    assert two.load(saved, Contract()) == found.digest
    assert two.has(found.digest)
    assert two.images.inspect(found.digest).entrypoint == found.entrypoint
    for each in names(two) - before:
        two.client.api.remove_image(each)


def test_a_name_of_ours_on_another_image_deceives_nobody(
    connect: Connect, small: tuple[Path, str]
) -> None:
    engine, (archive, told) = connect("trixie", "containerd"), small
    name = built()
    try:
        engine.client.api.tag(name, KEPT, f"forged.{told[7:]}")
        assert not engine.has(told)
        with engine.receive(str(archive), MILD) as found:
            assert engine.images.id_of(told) != engine.client.api.inspect_image(name)["Id"]
            assert found.entrypoint == ("python3",)
    finally:
        engine.forget("forged")


def test_an_image_of_two_platforms_is_that_for_this_one(
    connect: Connect, start: Start, machines: Callable[[str], object], context: Path
) -> None:
    from tests.support.machine import Machine

    engine, debian = connect("trixie", "containerd"), machines("trixie")
    assert isinstance(debian, Machine)
    platforms = "--platform linux/amd64,linux/arm64"
    script = f"docker buildx build -q {platforms} -t test/two-platforms context"
    debian.run(script, context, DOCKER_HOST=start("trixie", "containerd"))
    with engine.receive("test/two-platforms", MILD) as found:
        assert found.platform == "linux/amd64"
        with tarfile.open(saved_by(engine, found.digest, context)) as tar:
            listed = tar.extractfile("index.json")
            assert listed is not None
            (entry,) = json.load(listed)["manifests"]
            assert entry["mediaType"].endswith("image.manifest.v1+json")
        engine.let_in(found, MILD)


def saved_by(engine: Engine, told: str, folder: Path) -> Path:
    engine.save(told, folder / "saved.tar")
    return folder / "saved.tar"


@pytest.mark.parametrize(
    "image",
    [
        *("UPPER:x", "UPPER/x", "a b", "a\nb", "-x", "a:", "a@b", "a?b", "ü", "sha256:zz"),
        *("", "x" * 300, "0" * 64, "a/../b", "./x", "no/such:image", f"sha256:{'0' * 64}"),
    ],
)
@EVERY
def test_a_name_that_no_image_can_have_is_no_such_image(
    kind: str, image: str, connect: Connect
) -> None:
    engine = connect("trixie", kind)
    with pytest.raises(ContractBroken, match="has no image") as broken:
        enter(engine, image, MILD)
    assert broken.value.failure is Failure.IMAGE_INVALID
    assert not engine.has(image)


def test_the_commands_work_with_the_containerd_store(
    installed: Installed, sealed: Path, connect: Connect, start: Start, tmp_path: Path
) -> None:
    address = start("trixie", "containerd")
    engine = connect("trixie", "containerd")
    here = replace(installed, env={"DOCKER_HOST": address, "XDG_CACHE_HOME": f"{tmp_path}/cache"})
    assert "images in its containerd store" in here.command("doctor").printed.replace("\n", " ")
    before = names(engine)
    name = built(READ + HONEST)
    archive = tmp_path / "image.tar"
    assert docker("save", "-o", str(archive), name).returncode == 0
    docker("image", "rm", "--force", name)
    open_list = ("--benchmark", BENCHMARK, "--open", sealed.parent / "open.csv")
    checked = here.command("check", archive, *open_list)
    assert checked.code == 0, checked.printed + checked.complained
    assert names(engine) - before == set()
    missing = built(READ + HONEST, extra='ENTRYPOINT ["/no/such/program"]\n')
    failing = here.submit(missing, "Missing")
    submission = here.submit(str(archive), "By archive")
    here.run()
    assert here.state(failing) is State.FAILED
    assert here.state(submission) is State.RELEASED
    refused = one_sentence(
        here.command("submit", "UPPER:x", "-b", BENCHMARK, "--team", "T", "--model", "M")
    )
    assert "has no image UPPER:x" in refused
    pruned = here.command("prune", "--days", "0")
    assert "2 images given up" in pruned.printed, pruned.complained
    assert engine.kept() == set()


def test_hosts_of_different_stores_share_a_queue(
    installed: Installed, connect: Connect, start: Start, tmp_path: Path
) -> None:
    """Entered on one, run in halves on both, whichever way: the same predictions."""
    addresses = {kind: start("trixie", kind) for kind in ("docker", "containerd")}
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    scheduler = Scheduler()
    workers = [
        Worker(scheduler, tmp_path / kind, slots=1, env={"DOCKER_HOST": address, **cache})
        for kind, address in addresses.items()
    ]
    engines = {kind: connect("trixie", kind) for kind in addresses}
    entered = {}
    with started(scheduler, *workers):
        for kind, address in addresses.items():
            connect("trixie", kind)
            here = replace(installed, env={"DOCKER_HOST": address, **cache})
            entered[kind] = here.submit(built(READ + HONEST + f"# {kind} {tmp_path}\n"), kind)
            told = image_of(installed, entered[kind])
            had = {each: engine.has(told) for each, engine in engines.items()}
            assert had == {each: each == kind for each in engines}
            here.run("--scheduler", scheduler.address, "--shards", "2")
    for submission in entered.values():
        assert installed.state(submission) is State.RELEASED
        assert all(engine.has(image_of(installed, submission)) for engine in engines.values())
        stages = installed.enclave.stages(submission)
        assert len([each for each in stages if each.stage is Stage.INFER]) == 2
    first, second = (installed.predicted(each) for each in entered.values())
    assert first == second
    assert_true_state(installed)


def image_of(installed: Installed, submission: str) -> str:
    return installed.ledger.submission(submission).image_digest
