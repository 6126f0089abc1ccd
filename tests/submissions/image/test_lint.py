from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from submissions.contract import Contract
from submissions.image.lint import ImageConfiguration, lint
from submissions.submission import ContractBroken, Failure

GOOD = ImageConfiguration(
    digest="sha256:00",
    system="linux",
    architecture="amd64",
    size_bytes=150 * 2**20,
    layers=3,
    entrypoint=("python3", "/app/predict.py"),
    command=(),
    volumes=(),
    on_build=(),
)


def test_an_image_within_the_contract_passes() -> None:
    lint(GOOD, Contract())
    lint(replace(GOOD, entrypoint=(), command=("python3",)))
    lint(replace(GOOD, variant="v1"))
    lint(replace(GOOD, command=("--name", "")))
    lint(replace(GOOD, environment=("PATH=/bin", "EMPTY=", "LD_LIBRARY_PATH=/app", "LD=1")))
    nvidia = "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64"
    lint(replace(GOOD, environment=(nvidia, "LD_LIBRARY_PATH=", "NVIDIA_VISIBLE_DEVICES=all")))
    for folder in ("/", "/app", "/tmp", "/input", "/processing", "/home/..me"):
        lint(replace(GOOD, working_directory=folder))
    lint(replace(GOOD, labels=("org.opencontainers.image.title=sequestra.x",)))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (replace(GOOD, architecture="arm64"), "for linux/arm64; build it with --platform"),
        (replace(GOOD, system="windows"), "for windows/amd64"),
        (replace(GOOD, volumes=("/data",)), "declares VOLUME '/data'; remove the VOLUME line"),
        (
            replace(GOOD, volumes=("/data",)),
            "if it comes from the base image, no line can undo it, but",
        ),
        (replace(GOOD, on_build=("RUN true",)), "ONBUILD"),
        (replace(GOOD, entrypoint=()), "neither ENTRYPOINT nor CMD; give it one"),
        (replace(GOOD, layers=126), "has 126 layers; use at most 125"),
        (
            replace(GOOD, architecture="arm", variant="v7"),
            "is for linux/arm/v7; build it with --platform linux/amd64",
        ),
        (replace(GOOD, variant="v3"), "is for linux/amd64/v3; build it with"),
        (replace(GOOD, entrypoint=("", "x")), "ENTRYPOINT whose first word is empty; let it name"),
        (replace(GOOD, entrypoint=(), command=(" ",)), "CMD whose first word is empty; let it"),
        (replace(GOOD, command=("a\0b",)), "NUL byte in its ENTRYPOINT or CMD; remove it"),
        (replace(GOOD, command=("x" * 32_768,)), "too long to be started; use words of at most"),
        (
            replace(GOOD, command=("x" * 30_000,) * 9),
            "too long to be started; use words of at most",
        ),
        (replace(GOOD, working_directory="app"), "'app'; give WORKDIR an absolute path without .."),
        (replace(GOOD, working_directory="/app/../etc"), "'/app/../etc'; give WORKDIR an absolute"),
        (replace(GOOD, working_directory="/a\nb"), "give WORKDIR an absolute path"),
        (
            replace(GOOD, working_directory="/proc/self/fd/8"),
            "'/proc/self/fd/8', where a run has /proc of its own; use another, such as /app",
        ),
        (
            replace(GOOD, working_directory="//proc"),
            "where a run has /proc of its own; use another",
        ),
        (
            replace(GOOD, working_directory="/tmp/app"),
            "where a run has /tmp of its own; use another",
        ),
        (replace(GOOD, environment=("A=1", "B")), "the ENV 'B', which is not NAME=value; correct"),
        (replace(GOOD, environment=("=1",)), "the ENV '=1', which is not NAME=value; correct"),
        (replace(GOOD, environment=("A=\0",)), "which is not NAME=value; correct or remove it"),
        (
            replace(GOOD, environment=("PATH=/bin", "LD_PRELOAD=/app/its-own.so")),
            "the ENV LD_PRELOAD, which loads a library into programs of the host too; let the",
        ),
        (replace(GOOD, environment=("LD_AUDIT=",)), "the ENV LD_AUDIT, which loads a library"),
        *(
            (
                replace(GOOD, environment=(f"LD_LIBRARY_PATH={folders}",)),
                "with a folder that is not the same for every program; name absolute folders alone",
            )
            for folders in (
                *("lib", "/app/lib;.", "$ORIGIN"),
                *("/proc/self/cwd", "//proc/self/cwd", "/./proc/1/root", "/run/../proc/self/cwd"),
                *("/dev/fd/3", "/lib:/sys"),
            )
        ),
        *(
            (
                replace(GOOD, environment=(f"LD_LIBRARY_PATH={folders}",)),
                f"whose {which} colon makes an empty folder, which means the folder that",
            )
            for folders, which in (
                ("/app/lib:", "last"),
                (":/app/lib", "first"),
                ("/app/lib::/lib", "doubled"),
                (":", "first"),
            )
        ),
        (replace(GOOD, environment=(f"A={'x' * 32_768}",)), "ENV that is too long to be started"),
        (
            replace(GOOD, environment=tuple(f"A{index}={'x' * 1000}" for index in range(300))),
            "ENV that is too long to be started with; use values of at most 32768 bytes",
        ),
        (
            replace(GOOD, labels=("sequestra.run=/x",)),
            "LABEL 'sequestra.run=/x'; leave names in sequestra. to the harness",
        ),
        (replace(GOOD, labels=("a=" + "x" * 65_536,)), "over 65536 bytes of LABEL; put what is"),
    ],
)
def test_an_image_that_breaks_the_contract_is_refused_with_the_remedy(
    image: ImageConfiguration, said: str
) -> None:
    with pytest.raises(ContractBroken, match=said) as broken:
        lint(image)
    assert broken.value.failure is Failure.IMAGE_INVALID


def test_an_image_over_the_limit_is_too_large() -> None:
    with pytest.raises(ContractBroken, match="has 150 MB; at most 149 MB are taken") as broken:
        lint(GOOD, Contract(image_mb=149))
    assert broken.value.failure is Failure.IMAGE_TOO_LARGE
    lint(GOOD, Contract(image_mb=150))


@pytest.mark.parametrize(
    "config",
    [
        {"Entrypoint": "python3 /app/predict.py"},
        {"Cmd": [1, 2]},
        {"Env": {"A": "1"}},
        {"Volumes": ["/data"]},
        {"Labels": "a=b"},
    ],
)
def test_a_configuration_that_no_builder_writes_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ContractBroken, match=r"is not a (list of words|table); build it") as broken:
        ImageConfiguration.read(
            config,
            digest="sha256:00",
            system="linux",
            architecture="amd64",
            variant="",
            size_bytes=1,
            layers=1,
        )
    assert broken.value.failure is Failure.IMAGE_INVALID


BUILDAHS = replace(GOOD, labels=("io.buildah.version=1.28.2",))


@pytest.mark.parametrize(
    ("image", "command"),
    [
        (replace(GOOD, architecture="arm64"), "`docker build --platform linux/amd64 .`"),
        (
            replace(BUILDAHS, architecture="arm64"),
            "`podman build --platform linux/amd64 .` or `buildah build --platform linux/amd64 .`",
        ),
        (
            replace(GOOD, architecture="arm64"),
            "`skopeo copy --override-arch amd64 docker://IMAGE docker-archive:image.tar`",
        ),
        (replace(BUILDAHS, volumes=("/data", "/x")), "--volume /data- --volume /x- $c`"),
        (replace(BUILDAHS, environment=("LD_AUDIT=/x",)), "`buildah config --env LD_AUDIT- $c`"),
        (
            replace(BUILDAHS, labels=(*BUILDAHS.labels, "sequestra.run=1")),
            "`buildah config --label sequestra.run- $c`, `buildah commit $c IMAGE`",
        ),
    ],
)
def test_a_finding_names_the_command_of_the_tool_that_built_the_image(
    image: ImageConfiguration, command: str
) -> None:
    with pytest.raises(ContractBroken) as broken:
        lint(image)
    assert command in broken.value.detail


def test_a_name_that_a_shell_would_read_otherwise_is_put_into_no_command() -> None:
    with pytest.raises(ContractBroken) as broken:
        lint(replace(BUILDAHS, volumes=("/data$(x)",)))
    assert "buildah config" not in broken.value.detail


@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not on this machine")
def test_buildah_mends_an_image_by_the_command_of_the_finding(tmp_path: Path) -> None:
    """The finding's own words, run as they stand, for a volume, a variable and a label."""
    lines = "FROM scratch\nCOPY Dockerfile /x\nVOLUME /data\nENV LD_PRELOAD=/x\n"
    lines += 'LABEL sequestra.run=1\nENTRYPOINT ["/x"]\n'
    (tmp_path / "Dockerfile").write_text(lines)
    store = f"--root {tmp_path}/root --runroot {tmp_path}/run"
    env = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}

    def shell(script: str) -> str:
        script = script.replace("buildah ", f"buildah {store} ").replace("IMAGE", "t:one")
        ended = subprocess.run(
            ["sh", "-ec", script],
            env=env, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return ended.stdout

    shell("buildah bud -q --format docker -t IMAGE .")
    for _ in range(3):
        found = json.loads(shell("buildah inspect --type image IMAGE"))["Docker"]
        image = ImageConfiguration.read(
            found["config"],
            digest="sha256:00",
            system=found["os"],
            architecture=found["architecture"],
            variant="",
            size_bytes=0,
            layers=1,
        )
        with pytest.raises(ContractBroken) as broken:
            lint(image)
        commands = re.findall("`([^`]*)`", broken.value.detail.partition("without a new build")[2])
        assert len(commands) == 3
        shell("\n".join(commands))
    found = json.loads(shell("buildah inspect --type image IMAGE"))["Docker"]["config"]
    assert not found.get("Volumes")
    assert not any(word.startswith("LD_PRELOAD") for word in found["Env"])
    assert "sequestra.run" not in found["Labels"]
