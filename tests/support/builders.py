"""What each builder writes, how it is asked to, and whether it is accepted or what mends it.

docs/archives.md shows this as its table.
"""

from __future__ import annotations

from dataclasses import dataclass

SETTING_UP = {
    "docker": "docker build -q -t t:one context",
    "containerd": "docker build -q -t t:one context",
    "podman": "$PODMAN build -q -t t:one context",
    "buildah": "$BUILDAH bud -q -t t:one context",
    "skopeo": "$BUILDAH bud -q -t t:one context; $BUILDAH push -q t:one docker-archive:from.tar",
    "umoci": "umoci init --layout from; umoci new --image from:t",
    "containerify": "",
}
"""What each does first with the folder `context`; `containerd` is Docker with that store."""

PLATFORMS = "--platform linux/amd64,linux/arm64"
SKOPEO = "skopeo --insecure-policy copy -q"


NEW_IMAGE = (
    "docker load -q -i image.tar; printf 'FROM t:one AS was\\nFROM scratch\\nCOPY --from=was / /\\n"
    'ENTRYPOINT ["/ends-well"]\\n\' | docker build -q -t t:new -; docker save -o mended.tar t:new'
)
"""What the sentence about a layer's names says, for the image of the tests."""


@dataclass(frozen=True, slots=True)
class Row:
    """A command that writes image.tar (or the folder image), and how that is taken.

    ``refused`` is part of the sentence where it is not accepted; ``mend`` writes mended.tar, as the
    sentence says, and ``told`` is what the table says of it.
    """

    builder: str
    command: str
    layout: str
    releases: tuple[str, ...] = ("trixie",)
    refused: str = ""
    mend: str = ""
    told: str = ""

    @property
    def name(self) -> str:
        return f"{self.builder}: {self.command}"


BOTH = ("bookworm", "trixie")

ROWS = (
    Row(
        "docker",
        "docker save -o image.tar t:one",
        "Docker's, from version 25 an OCI layout too",
        BOTH,
    ),
    Row(
        "docker",
        "docker save -o image.tar $(docker image inspect -f '{{.Id}}' t:one)",
        "the same, under no name",
        BOTH,
    ),
    Row("docker", "docker save t:one | gzip > image.tar", "the same, packed as a whole", BOTH),
    Row(
        "docker",
        "docker export -o image.tar $(docker create t:one)",
        "a file system",
        BOTH,
        "is a container's file system, such as `docker export` writes, and not an image",
        "docker save -o mended.tar t:one",
        "`docker save IMAGE`",
    ),
    Row("containerd", "docker save -o image.tar t:one", "both, the index in an index"),
    Row(
        "containerd", "docker save t:one | zstd > image.tar", "the same, packed as a whole by zstd"
    ),
    Row("containerd", "docker save t:one | xz > image.tar", "the same, packed as a whole by xz"),
    Row(
        "containerd",
        f"docker buildx build -q {PLATFORMS} -t t:two context; docker save -o image.tar t:two",
        "both, of two platforms",
    ),
    Row(
        "containerd",
        "docker buildx build -q --output type=image,name=t:z,compression=zstd,"
        "force-compression=true context; docker save -o image.tar t:z",
        "both, layers packed by zstd",
    ),
    Row(
        "containerd",
        "docker buildx build -q --output type=docker,dest=image.tar context",
        "both",
    ),
    Row("containerd", "docker buildx build -q --output type=oci,dest=image.tar context", "OCI"),
    Row(
        "containerd",
        "docker buildx build -q --output type=oci,dest=image.tar,compression=zstd,"
        "force-compression=true context",
        "OCI, layers packed by zstd",
    ),
    Row(
        "containerd",
        f"docker buildx build -q {PLATFORMS} --output type=oci,dest=image.tar context",
        "OCI, of two platforms",
    ),
    Row(
        "containerd",
        "docker buildx build -q --platform linux/arm64 --output type=oci,dest=image.tar context",
        "OCI, of another platform",
        refused="holds no image for linux/amd64 but for linux/arm64; build it with --platform",
        mend="docker buildx build -q --platform linux/amd64 --output type=oci,dest=mended.tar "
        "context",
        told="`--platform linux/amd64`",
    ),
    Row(
        "containerd",
        "docker buildx build -q --output type=oci,dest=image,tar=false context",
        "OCI, a folder",
        refused="pack it, `tar -C image -cf image.tar .`",
        mend="tar -C image -cf mended.tar .",
        told="`tar -C FOLDER -cf image.tar .`",
    ),
    Row(
        "containerd",
        "docker buildx build -q --output type=tar,dest=image.tar context",
        "a file system",
        refused="(`docker export` and buildx's `type=tar` write such files)",
        mend="docker save -o mended.tar t:one",
        told="`docker save IMAGE`, or `type=docker`",
    ),
    Row("podman", "$PODMAN save -q -o image.tar t:one", "Docker's", BOTH),
    Row("podman", "$PODMAN save -q --format oci-archive -o image.tar t:one", "OCI", BOTH),
    Row(
        "podman",
        "$PODMAN save -q --format oci-dir -o image t:one",
        "OCI, a folder",
        BOTH,
        "pack it, `tar -C image -cf image.tar .`",
        "tar -C image -cf mended.tar .",
        "`tar -C FOLDER -cf image.tar .`",
    ),
    Row(
        "podman",
        "$PODMAN save -q --format docker-dir -o image t:one",
        "skopeo's `dir`, a folder",
        BOTH,
        "`skopeo copy dir:image docker-archive:image.tar`",
        f"{SKOPEO} dir:image docker-archive:mended.tar",
        "`skopeo copy dir:FOLDER docker-archive:image.tar`",
    ),
    Row(
        "podman",
        "$PODMAN export -o image.tar $($PODMAN create t:one)",
        "a file system",
        BOTH,
        "(`docker export` and buildx's `type=tar` write such files)",
        "$PODMAN save -q -o mended.tar t:one",
        "`podman save IMAGE`",
    ),
    Row("buildah", "$BUILDAH push -q t:one docker-archive:image.tar", "Docker's", BOTH),
    Row("buildah", "$BUILDAH push -q t:one oci-archive:image.tar", "OCI", BOTH),
    Row(
        "buildah",
        "$BUILDAH push -q --compression-format zstd:chunked t:one oci-archive:image.tar",
        "OCI, layers packed by zstd:chunked",
    ),
    Row(
        "buildah",
        "$BUILDAH push -q t:one oci:image",
        "OCI, a folder",
        BOTH,
        "pack it, `tar -C image -cf image.tar .`",
        "tar -C image -cf mended.tar .",
        "`tar -C FOLDER -cf image.tar .`",
    ),
    Row("skopeo", f"{SKOPEO} docker-archive:from.tar docker-archive:image.tar", "Docker's", BOTH),
    Row("skopeo", f"{SKOPEO} docker-archive:from.tar oci-archive:image.tar", "OCI", BOTH),
    Row(
        "skopeo",
        f"{SKOPEO} --dest-compress-format zstd docker-archive:from.tar oci-archive:image.tar",
        "OCI, layers packed by zstd",
        BOTH,
    ),
    Row(
        "skopeo",
        f"{SKOPEO} docker-archive:from.tar dir:image",
        "skopeo's `dir`, a folder",
        BOTH,
        "`skopeo copy dir:image docker-archive:image.tar`",
        f"{SKOPEO} dir:image docker-archive:mended.tar",
        "`skopeo copy dir:FOLDER docker-archive:image.tar`",
    ),
    Row(
        "skopeo",
        f"{SKOPEO} docker-archive:from.tar dir:image; tar -C image -cf image.tar .",
        "skopeo's `dir` in a tar",
        BOTH,
        "write it with `skopeo copy dir:X docker-archive:Y`",
        f"{SKOPEO} dir:image docker-archive:mended.tar",
        "`skopeo copy dir:FOLDER docker-archive:image.tar`",
    ),
    Row(
        "umoci",
        "umoci insert --image from:t context/ends-well /ends-well; umoci config --image from:t "
        "--config.entrypoint /ends-well; tar -C from -cf image.tar .",
        "OCI, a layer without its end",
        refused="has a layer that is cut short or damaged (unexpected end of data)",
        mend="umoci init --layout new; umoci new --image new:t; umoci unpack --image new:t bundle; "
        "cp context/ends-well bundle/rootfs; umoci repack --image new:t bundle; umoci config "
        "--image new:t --config.entrypoint /ends-well; tar -C new -cf mended.tar .",
        told="`umoci unpack`, copy into the bundle, `umoci repack`",
    ),
    Row(
        "containerify",
        "containerify --toTar image.tar",
        "Docker's, absolute names in layers",
        refused="has a layer whose member '/ends-well' has an absolute path; a Dockerfile of",
        mend=NEW_IMAGE,
        told="`docker load`, then a Dockerfile of `FROM scratch`, `COPY --from=IMAGE / /` and the "
        "image's ENV and ENTRYPOINT",
    ),
    Row(
        "containerify",
        "containerify --toOciLayout image.tar",
        "OCI, absolute names in layers",
        refused="has a layer whose member '/ends-well' has an absolute path; a Dockerfile of",
        mend=NEW_IMAGE,
        told="the same, loaded by an engine with the containerd store",
    ),
)

CONTAINERIFY = "4.1.0"

VERSIONS = {
    ("docker.io", "bookworm"): "20.10.24",
    ("docker.io", "trixie"): "26.1.5",
    ("docker-buildx", "trixie"): "0.13.1",
    ("podman", "bookworm"): "4.3.1",
    ("podman", "trixie"): "5.4.2",
    ("buildah", "bookworm"): "1.28.2",
    ("buildah", "trixie"): "1.39.3",
    ("skopeo", "bookworm"): "1.9.3",
    ("skopeo", "trixie"): "1.18.0",
    ("umoci", "trixie"): "0.4.7",
}
"""Of the packages of Debian 12 and 13."""

_TITLES = {
    "docker": ("Docker", "docker.io", ""),
    "containerd": ("Docker", "docker.io", " with the containerd store, buildx 0.13.1"),
    "podman": ("Podman", "podman", ""),
    "buildah": ("buildah", "buildah", ""),
    "skopeo": ("skopeo", "skopeo", ""),
    "umoci": ("umoci", "umoci", ""),
}


def line(row: Row) -> str:
    """A row as docs/archives.md shows it."""
    if row.builder == "containerify":
        who = f"containerify {CONTAINERIFY}"
    else:
        title, package, more = _TITLES[row.builder]
        who = f"{title} {', '.join(VERSIONS[package, each] for each in row.releases)}{more}"
    command = row.command.replace("$PODMAN", "podman").replace("$BUILDAH", "buildah")
    command = command.replace(" --insecure-policy", "").replace(" -q", "").replace("|", "\\|")
    taken = f"refused; {row.told}" if row.refused else "accepted"
    return f"| {who} | `{command}` | {row.layout} | {taken} |"
