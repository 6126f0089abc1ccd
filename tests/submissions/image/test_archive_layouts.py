"""Archives in the layout of every builder: one image found in each, or a sentence that mends it."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from submissions.contract import Contract
from submissions.image import unpacking
from submissions.image.archive import lint_archive, write_loadable
from submissions.image.layout import remedy_for_folder
from submissions.submission import ContractBroken, Failure
from tests.support.image_layouts import (
    DOCKER_LIST,
    LAYERS,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    PACKINGS,
    WHOLE_PACKINGS,
    Image,
    Json,
    Layout,
    digest,
    docker_list,
    own_layout,
    tar_of,
    written,
    zstd,
)

CONTRACT = Contract(image_mb=8)
AMD64 = {"architecture": "amd64", "os": "linux"}
ARM64 = {"architecture": "arm64", "os": "linux", "variant": "v8"}
IMAGE = Image()
DIGEST = f"sha256:{digest(IMAGE.configuration())}"


def layout_of(make: Callable[[Layout], list[Json]]) -> Layout:
    layout = Layout()
    layout.listed = make(layout)
    return layout


def one(layout: Layout) -> list[Json]:
    return [layout.image(IMAGE)]


def with_attestation(layout: Layout) -> list[Json]:
    image = layout.image(IMAGE, platform=AMD64)
    return [layout.index([image, layout.attestation(image)])]


def of_two_platforms(layout: Layout) -> list[Json]:
    images = [
        layout.image(IMAGE, platform={**AMD64, "variant": "v1"}),
        layout.image(Image(architecture="arm64"), platform=ARM64),
    ]
    return [layout.index([*images, *map(layout.attestation, images)])]


def of_another_platform_absent(layout: Layout) -> list[Json]:
    """What is saved of an image that was pulled for one platform alone."""
    absent = Layout().image(Image(architecture="arm64"), platform=ARM64)
    return [layout.index([absent, layout.image(IMAGE, platform=AMD64)], DOCKER_LIST)]


ACCEPTED: dict[str, Callable[[], dict[str, bytes]]] = {
    "docker 20.10 save": lambda: own_layout(IMAGE),
    "docker 25 save": lambda: layout_of(one).files(docker_list(IMAGE)),
    "docker save by digest: an index that lists null": lambda: {
        **layout_of(one).files(docker_list(IMAGE, RepoTags=None)),
        "index.json": b'{"schemaVersion": 2, "manifests": null}',
    },
    "docker save with a containerd store": lambda: layout_of(with_attestation).files(
        docker_list(IMAGE)
    ),
    "docker save of two platforms": lambda: layout_of(of_two_platforms).files(docker_list(IMAGE)),
    "docker save of two platforms, one of them pulled": lambda: layout_of(
        of_another_platform_absent
    ).files(docker_list(IMAGE)),
    "docker save under two names": lambda: layout_of(lambda layout: one(layout) * 2).files(
        docker_list(IMAGE, RepoTags=["a:b", "c:d"])
    ),
    "docker save of zstd layers": lambda: layout_of(
        lambda layout: [layout.image(IMAGE, "zstd")]
    ).files(docker_list(IMAGE, "zstd")),
    "podman save": lambda: own_layout(IMAGE, layer="{digest}.tar"),
    "crane, ko": lambda: own_layout(IMAGE, "sha256:{digest}", "{digest}.tar.gz", "gzip"),
    "kaniko": lambda: own_layout(IMAGE, "sha256:{digest}", "sha256:{digest}.tar.gz", "gzip"),
    "containerify": lambda: own_layout(
        IMAGE, "config.json", "{digest}.tar.gz", "gzip", keys=str.lower
    ),
    "nix": lambda: own_layout(IMAGE, root="/"),
    "a tar of a folder": lambda: own_layout(IMAGE, root="./"),
    "podman, buildah, skopeo: oci-archive": lambda: layout_of(one).files(),
    "an OCI archive of plain layers": lambda: layout_of(
        lambda layout: [layout.image(IMAGE, "plain")]
    ).files(),
    "an OCI archive of zstd layers": lambda: layout_of(
        lambda layout: [layout.image(IMAGE, "zstd")]
    ).files(),
    "buildx type=oci": lambda: layout_of(
        lambda layout: [layout.image(IMAGE, platform=AMD64)]
    ).files(),
    "buildx type=oci with an attestation": lambda: layout_of(with_attestation).files(),
    "buildx type=oci of two platforms": lambda: layout_of(of_two_platforms).files(),
    "an OCI archive that lists platforms itself": lambda: layout_of(
        lambda layout: [
            layout.image(Image(architecture="arm64"), platform=ARM64),
            layout.image(IMAGE, platform=AMD64),
        ]
    ).files(),
    "an OCI archive that tells the platform in the configuration": lambda: layout_of(
        lambda layout: [layout.image(Image(architecture="arm64")), layout.image(IMAGE)]
    ).files(),
    "an OCI archive with a signature": lambda: layout_of(
        lambda layout: [*one(layout), layout.signature()]
    ).files(),
    "Docker's types in an OCI archive": lambda: layout_of(
        lambda layout: [layout.image(IMAGE, docker=True)]
    ).files(),
    "Docker's list in an OCI archive": lambda: layout_of(
        lambda layout: [layout.index([layout.image(IMAGE, platform=AMD64)], DOCKER_LIST)]
    ).files(),
    "indexes in one another": lambda: layout_of(
        lambda layout: [layout.index([layout.index([layout.image(IMAGE, platform=AMD64)])])]
    ).files(),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_one_image_of_each_layout_is_found(name: str, tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of(ACCEPTED[name]()))
    found = lint_archive(path, CONTRACT)
    assert found.digest == DIGEST
    assert found.size_bytes == sum(map(len, LAYERS))
    assert found.layers == 2
    assert found.entrypoint == ("python3",)
    assert found.environment == ("ARCH=amd64",)


@pytest.mark.parametrize("packing", WHOLE_PACKINGS)
def test_an_archive_may_be_packed_as_a_whole(packing: str, tmp_path: Path) -> None:
    path, scratch = tmp_path / "image", tmp_path / "scratch"
    scratch.mkdir()
    path.write_bytes(WHOLE_PACKINGS[packing](tar_of(layout_of(one).files())))
    assert lint_archive(path, CONTRACT, scratch=scratch).digest == DIGEST
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("packing", ["zstd", "xz", "gzip", "bzip2"])
def test_parts_that_were_packed_one_after_the_other_are_one_archive(
    packing: str, tmp_path: Path
) -> None:
    """As pigz, pzstd and `xz --threads` write them; zstd may put what is skipped between."""
    whole, pack = tar_of(layout_of(one).files()), WHOLE_PACKINGS[packing]
    between = {"zstd": b"\x50\x2a\x4d\x18\x04\0\0\0skip", "xz": b"\0" * 4}.get(packing, b"")
    path = tmp_path / "image"
    path.write_bytes(pack(whole[:3000]) + between + pack(whole[3000:]))
    assert lint_archive(path, CONTRACT).digest == DIGEST


def changed(make: Callable[[Layout], list[Json]], change: Callable[[dict[str, bytes]], Any]) -> Any:
    files = layout_of(make).files()
    change(files)
    return files


def blob_of(layer: int = 0, packing: str = "gzip") -> str:
    return f"blobs/sha256/{digest(PACKINGS[packing](LAYERS[layer]))}"


def deep(layout: Layout) -> list[Json]:
    entry = layout.image(IMAGE, platform=AMD64)
    for _ in range(5):
        entry = layout.index([entry])
    return [entry]


def manifest_of(change: Callable[[Json], None]) -> dict[str, bytes]:
    """An OCI archive whose manifest was changed before anything took its digest."""
    layout = Layout()
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": layout.blob(OCI_CONFIG, IMAGE.configuration()),
        "layers": [layout.blob(OCI_LAYER, layer) for layer in LAYERS],
    }
    change(manifest)
    layout.listed = [layout.blob(OCI_MANIFEST, written(manifest))]
    return layout.files()


def with_layer(content: bytes, plain: bytes) -> dict[str, bytes]:
    """Docker's own layout of one layer, which is packed by hand."""
    files = own_layout(Image(layers=[plain]))
    name = next(name for name in files if name.endswith("layer.tar"))
    return {**files, name: content}


SHA512 = f"sha512:{'0' * 128}"
OTHER = Image(more={"created": "2026-01-01T00:00:00Z"})
NEW_LAYER = "`FROM scratch`, `COPY --from=IMAGE / /`"

REFUSED: dict[str, tuple[Callable[[], dict[str, bytes]], str]] = {
    "an index and a manifest for different images": (
        lambda: layout_of(one).files({**docker_list(OTHER), **own_layout(OTHER)}),
        "has an index and a manifest for different images",
    ),
    "two images": (
        lambda: layout_of(lambda layout: [layout.image(IMAGE), layout.image(OTHER)]).files(),
        "holds 2 images; save one, for one platform",
    ),
    "no image": (lambda: layout_of(lambda _: []).files(), "holds 0 images"),
    "neither list names one": (
        lambda: layout_of(lambda _: []).files({"manifest.json": b"null"}),
        "holds 0 images",
    ),
    "a signature alone": (
        lambda: layout_of(lambda layout: [layout.signature()]).files(),
        "holds 0 images",
    ),
    "another platform": (
        lambda: layout_of(
            lambda layout: [
                layout.index([layout.image(Image(architecture="arm64"), platform=ARM64)])
            ]
        ).files(),
        "holds no image for linux/amd64 but for linux/arm64/v8; build it with --platform",
    ),
    "another platform, in words that would steer a terminal": (
        lambda: layout_of(
            lambda layout: [layout.image(IMAGE, platform={"os": "\x1b[2J", "architecture": "x\n"})]
        ).files(),
        r"holds no image for linux/amd64 but for \x1b[2J/x\n; build it with --platform",
    ),
    "an image that it does not hold": (
        lambda: layout_of(lambda layout: [Layout().image(IMAGE)]).files(),
        "but does not hold it; pull or build the image with --platform linux/amd64",
    ),
    "an index with another digest": (
        lambda: changed(
            with_attestation,
            lambda files: files.update(
                {name: each + b" " for name, each in files.items() if b"attestation" in each}
            ),
        ),
        "with another digest; send it again",
    ),
    "a configuration with another digest": (
        lambda: changed(
            one,
            lambda files: files.update(
                {f"blobs/sha256/{DIGEST[7:]}": IMAGE.configuration() + b" "}
            ),
        ),
        "with another digest; send it again",
    ),
    "a packed layer with another digest": (
        lambda: changed(one, lambda files: files.update({blob_of(): gzip.compress(LAYERS[0], 1)})),
        "in another size than it says|with another digest",
    ),
    "a packed layer with another digest and the size it says": (
        lambda: changed(
            one,
            lambda files: files.update({blob_of(): gzip.compress(LAYERS[0], mtime=7)}),
        ),
        "with another digest; send it again",
    ),
    "a size that is not that of the blob": (
        lambda: manifest_of(lambda manifest: manifest["layers"][0].update(size=7)),
        "in another size than it says; send it again",
    ),
    "a digest that is no SHA-256": (
        lambda: manifest_of(lambda manifest: manifest["layers"][0].update(digest=SHA512)),
        "is no SHA-256; write it with `skopeo copy oci-archive:X docker-archive:Y`",
    ),
    "a digest that climbs out": (
        lambda: manifest_of(
            lambda manifest: manifest["config"].update(digest="sha256:../../../index.json")
        ),
        "is no SHA-256",
    ),
    "a layer that lies elsewhere": (
        lambda: manifest_of(
            lambda manifest: manifest["layers"][0].update(
                digest=f"sha256:{'0' * 64}", urls=["https://example.org/layer"]
            )
        ),
        "has a layer that is not in the archive; save the image with all its layers",
    ),
    "an encrypted layer": (
        lambda: manifest_of(
            lambda manifest: manifest["layers"][0].update(mediaType=f"{OCI_LAYER}+encrypted")
        ),
        "has an encrypted layer; give it decrypted",
    ),
    "layers in another order": (
        lambda: manifest_of(lambda manifest: manifest["layers"].reverse()),
        "a layer whose digest is not as its configuration says",
    ),
    "a layer too few": (
        lambda: manifest_of(lambda manifest: manifest["layers"].pop()),
        "has 1 layers where its configuration has 2",
    ),
    "indexes without bottom": (lambda: layout_of(deep).files(), "has over 4 indexes in one"),
    "more layers than overlay2 stacks": (
        lambda: layout_of(lambda layout: [layout.image(Image(layers=[LAYERS[0]] * 126))]).files(),
        "has 126 layers; use at most 125",
    ),
    "keys that differ in case alone": (
        lambda: {
            **own_layout(IMAGE),
            "manifest.json": b'[{"Config": "a", "config": "b", "Layers": []}]',
        },
        "has a manifest with two keys that differ in case alone",
    ),
    "a name twice, once with a slash before": (
        lambda: {**own_layout(IMAGE), "/manifest.json": b"[]"},
        "holds 'manifest.json' twice",
    ),
    "two slashes": (
        lambda: {**own_layout(IMAGE), "//x": b""},
        "member '//x' has an absolute path",
    ),
    "a slash and a way out": (
        lambda: {**own_layout(IMAGE), "/../x": b""},
        "member '/../x' lies outside it",
    ),
    "skopeo's folder in a tar": (
        lambda: {"version": b"", "manifest.json": b'{"schemaVersion": 2, "layers": []}'},
        "write it with `skopeo copy dir:X docker-archive:Y`",
    ),
    "docker export": (
        lambda: {".dockerenv": b"", "bin/sh": b"", "etc/passwd": b""},
        "is a container's file system, such as `docker export` writes, and not an image",
    ),
    "buildx type=tar": (lambda: {"predict": b""}, "(`docker export` and buildx's `type=tar`"),
    "a layer packed by bzip2": (
        lambda: with_layer(WHOLE_PACKINGS["bzip2"](LAYERS[0]), LAYERS[0]),
        "has a layer that is packed by bzip2; `skopeo copy docker-archive:X docker-archive:Y`",
    ),
    "a layer packed by xz": (
        lambda: with_layer(WHOLE_PACKINGS["xz"](LAYERS[0]), LAYERS[0]),
        "has a layer that is packed by xz; `skopeo copy docker-archive:X docker-archive:Y`",
    ),
    "a layer packed twice": (
        lambda: with_layer(zstd(gzip.compress(LAYERS[0])), LAYERS[0]),
        "has a layer that is packed twice",
    ),
    "a layer without its end": (
        lambda: with_layer(LAYERS[1][:1000], LAYERS[1]),
        "has a layer that is cut short or damaged (unexpected end of data)",
    ),
    "a zstd layer that is cut short": (
        lambda: with_layer(zstd(LAYERS[1])[:60], LAYERS[1]),
        "has a layer that is cut short or damaged|digest is not as",
    ),
    "a zstd layer with something after it": (
        lambda: with_layer(zstd(LAYERS[0]) + b"more", LAYERS[0]),
        "cut short or damaged|something after its end",
    ),
    "a gzip layer with something after it": (
        lambda: with_layer(gzip.compress(LAYERS[0]) + b"more", LAYERS[0]),
        "cut short or damaged",
    ),
    "an absolute path in a layer": (
        lambda: own_layout(Image(layers=[tar_of({"/app/x": b""})])),
        f"has a layer whose member '/app/x' has an absolute path; a Dockerfile of {NEW_LAYER}",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_with_what_mends_it(name: str, tmp_path: Path) -> None:
    make, said = REFUSED[name]
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of(make()))
    with pytest.raises(ContractBroken) as broken:
        lint_archive(path, CONTRACT)
    assert broken.value.failure is Failure.IMAGE_INVALID
    assert any(part in broken.value.detail for part in said.split("|")), broken.value.detail


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + b"\0" * 600, "is a zip file; unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 600, "is a 7z file; unpack it"),
        (b"hsqs" + b"\0" * 600, "is a squashfs file system, not an image"),
        (b"#!/usr/bin/env run-singularity\n".ljust(32) + b"SIF_MAGIC\0", "an Apptainer image"),
        (gzip.compress(gzip.compress(tar_of(own_layout(IMAGE)))), "is packed twice; unpack it"),
        (gzip.compress(tar_of(own_layout(IMAGE))) + b"more", "cut short or damaged"),
        (zstd(tar_of(own_layout(IMAGE))) + b"more", "cut short or damaged"),
        (lzma.compress(tar_of(own_layout(IMAGE))) + b"more", "cut short or damaged"),
        (lzma.compress(tar_of(own_layout(IMAGE)))[:-20], "cut short or damaged"),
        (zstd(tar_of(own_layout(IMAGE)))[:-20], "cut short or damaged"),
    ],
)
def test_what_is_another_kind_of_file_is_told(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(ContractBroken, match=said) as broken:
        lint_archive(path, CONTRACT)
    assert broken.value.failure is Failure.IMAGE_INVALID


def wide(content: bytes) -> bytes:
    """A frame that asks for 4 MB to be unpacked, little as it holds."""
    parameters = zstandard.ZstdCompressionParameters(window_log=22, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    "packed",
    [wide(tar_of(own_layout(IMAGE))), lzma.compress(tar_of(own_layout(IMAGE)))],
    ids=["zstd", "xz"],
)
def test_unpacking_takes_no_more_memory_than_it_may(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image"
    path.write_bytes(packed)
    assert lint_archive(path, CONTRACT).digest == DIGEST
    assert unpacking.MOST_MEMORY == 128 * 2**20
    monkeypatch.setattr(unpacking, "MOST_MEMORY", 2**20)
    with pytest.raises(ContractBroken, match="takes over 1 MB of memory to unpack"):
        lint_archive(path, CONTRACT)


def test_what_an_engine_gets_is_written_by_us_whatever_the_archive_was(tmp_path: Path) -> None:
    """One image in three layouts gives one file, byte for byte, and nothing else of theirs."""
    contents = set()
    for index, name in enumerate(("docker 20.10 save", "docker save of zstd layers", "nix")):
        source, target = tmp_path / f"{index}.tar", tmp_path / f"{index}.written"
        source.write_bytes(tar_of({**ACCEPTED[name](), "smuggled": b"x"}))
        done = write_loadable(source, target, CONTRACT, lambda told: f"ours/x:{told[7:19]}")
        contents.add(target.read_bytes())
        assert done.configuration.digest == DIGEST
    assert len(contents) == 1
    with tarfile.open(target) as tar:
        held = {member.name: tar.extractfile(member) for member in tar}
        files = {name: file.read() for name, file in held.items() if file is not None}
    assert f"blobs/sha256/{done.manifest_digest[7:]}" in files
    blobs = {name: content for name, content in files.items() if name.startswith("blobs/")}
    assert set(files) - set(blobs) == {"oci-layout", "index.json", "manifest.json"}
    assert {name: digest(each) for name, each in blobs.items()} == {
        name: name.rpartition("/")[2] for name in blobs
    }
    told = {digest(IMAGE.configuration()), *map(digest, LAYERS), done.manifest_digest[7:]}
    assert {name.rpartition("/")[2] for name in blobs} == told
    for each in ("index.json", "manifest.json"):
        assert DIGEST[7:19].encode() in files[each]
        assert b"a:b" not in files[each]
    assert lint_archive(target, CONTRACT) == done.configuration


def test_a_layer_that_is_there_twice_is_written_once(tmp_path: Path) -> None:
    image = Image(layers=[*LAYERS, LAYERS[0]])
    for files in (
        layout_of(lambda layout: [layout.image(image)]).files(),
        {**own_layout(image, layer="{digest}-a.tar")},
    ):
        listed = files.get("manifest.json")
        if listed:  # two members of one content
            again = f"{digest(LAYERS[0])}-b.tar"
            names = [f"{digest(each)}-a.tar" for each in LAYERS]
            entry = {"Config": f"{digest(image.configuration())}.json", "Layers": [*names, again]}
            files |= {again: LAYERS[0], "manifest.json": written([entry])}
        source, target = tmp_path / "image.tar", tmp_path / "written.tar"
        source.write_bytes(tar_of(files))
        done = write_loadable(source, target, CONTRACT, lambda _: "ours/x:y")
        assert done.configuration.size_bytes == 2 * len(LAYERS[0]) + len(LAYERS[1])
        with tarfile.open(target) as tar:
            names = [member.name for member in tar]
        assert len(names) == len(set(names)) == 2 + 2 + 3
        assert lint_archive(target, CONTRACT) == done.configuration


def test_the_bytes_of_all_layers_count(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of(layout_of(lambda layout: [layout.image(large(6), "zstd")]).files()))
    assert lint_archive(path, CONTRACT).size_bytes > 6 * 2**20
    for image in (large(9), large(6, 6)):
        layout = Layout()
        layout.listed = [layout.image(image)]
        path.write_bytes(tar_of(layout.files()))
        with pytest.raises(ContractBroken, match="unpacks to over 8 MB") as broken:
            lint_archive(path, CONTRACT)
        assert broken.value.failure is Failure.IMAGE_TOO_LARGE


def large(*mb: int) -> Image:
    return Image(
        layers=[tar_of({"x": bytes([index]) * each * 2**20}) for index, each in enumerate(mb)]
    )


def test_an_archive_in_a_folder_that_nobody_may_write_to_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    path = folder / "image.tar.gz"
    path.write_bytes(gzip.compress(tar_of(layout_of(one).files())))
    was = folder.stat()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert lint_archive(path, CONTRACT).digest == DIGEST
        assert folder.stat().st_mtime_ns == was.st_mtime_ns  # root may write: nothing did
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("oci-layout", "index.json"), "pack it, `tar -C {} -cf image.tar .`, and give image.tar"),
        (("manifest.json", "repositories"), "pack it, `tar -C {} -cf image.tar .`"),
        (("manifest.json", "version"), "`skopeo copy dir:{} docker-archive:image.tar`"),
        (("Dockerfile", "predict.py"), "build it, `docker build -t NAME {}`, and give NAME"),
        ((), "give an image's name or digest, or the path of an archive"),
    ],
)
def test_a_folder_is_told_what_makes_an_archive_of_it(
    files: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert said.format(tmp_path) in remedy_for_folder(tmp_path)


def test_a_configuration_is_judged_before_the_layers_are_read(tmp_path: Path) -> None:
    """Gigabytes are not unpacked to say that there is no ENTRYPOINT."""
    image = Image(layers=[tar_of({"x": b"\0" * 2**20})], more={"config": {}})
    files = own_layout(image)
    name = next(name for name in files if name.endswith("layer.tar"))
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of({**files, name: b"not a layer"}))
    with pytest.raises(ContractBroken, match="neither ENTRYPOINT nor CMD"):
        lint_archive(path, CONTRACT)
