"""Builds an image for this contract from one of another platform, with one more layer."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from cohort_selection.benchmark_keys.meant import did_you_mean
from submissions.host import base_image

HERE = Path(__file__).resolve().parent
PLATFORMS = ("grand-challenge", "midrc")
OUTPUT = {"grand-challenge": "", "midrc": "output.json"}
INSIDE = "/sequestra"
HIDDEN = ("/tmp", "/input", "/output", "/dev", "/proc", "/sys")
"""Folders that a run mounts over the image."""

DOCKERFILE = """ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
USER root
COPY sequestra {inside}
RUN ["python3", "{inside}/redirect.py"]
WORKDIR {runs_in}
ENTRYPOINT ["python3", "{inside}/run.py"]
CMD []
"""


class AdaptError(ValueError):
    """An image cannot be adapted; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the image of a platform is called, and where it leaves its score.

    ``socket``: the folder of its input image, below /input. ``output``: the JSON file that it
    writes, below /output. ``key``: where the score stands in it. ``redirect``: files and folders
    of the program beside its working directory. ``json``: further inputs, a file below /input by
    the column of cases.csv that it holds. ``missing``: the score of a case that the program
    skips; None refuses the run. ``column``: the benchmark's output.
    """

    platform: str
    output: str = ""
    key: str = ""
    socket: str = ""
    redirect: tuple[str, ...] = ()
    json: Mapping[str, str] = field(default_factory=dict)
    missing: float | None = None
    column: str = "probability"

    def __post_init__(self) -> None:
        """Raise AdaptError for what no image of the platform can mean."""
        if self.platform not in PLATFORMS:
            raise AdaptError(
                f"the platform is {self.platform!r}{did_you_mean(self.platform, PLATFORMS)}; give "
                f"one of {', '.join(PLATFORMS)}"
            )
        if self.platform == "grand-challenge" and not (self.socket and self.output):
            raise AdaptError(
                "for grand-challenge the input and the output must be named, as in --socket "
                "images/chest-xray --output probability.json"
            )
        if self.platform == "midrc" and (self.socket or self.json):
            raise AdaptError("an image of MIDRC gets input.csv; leave --socket and --json out")
        for path in (self.socket, self.output, *self.json):
            if path and (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts):
                raise AdaptError(f"{path!r} must be a path below /input or /output")
        if self.missing is not None and not 0 <= self.missing <= 1:
            raise AdaptError(f"--missing is {self.missing:g}; give a probability from 0 to 1")


@dataclass(frozen=True, slots=True)
class Adapted:
    """The new image's digest, and each line of the program that names another folder now."""

    digest: str
    changes: tuple[str, ...]


def adapt(image: str, tag: str, wanted: Wanted) -> Adapted:
    """Build ``tag`` from ``image``; nothing of the image itself is changed.

    Raises AdaptError where the image is unknown or lacks what the layer needs, BaseImageUnavailable
    with the last line of the build's log, EngineUnavailable.
    """
    config = _configuration(image)
    _look(image, wanted)
    command = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    if not command:
        raise AdaptError(f"{image} names no program in ENTRYPOINT or CMD; build it with one")
    working = str(config.get("WorkingDir") or "/")
    if any(character in working for character in '\n"$\\'):
        raise AdaptError(f"the WORKDIR {working!r} of {image} has a quote or a $; choose another")
    runs_in = f"{INSIDE}/work" if _is_hidden(working) else working
    settings = {
        "platform": wanted.platform,
        "command": command,
        "environment": list(config.get("Env") or ()),
        "working_directory": working,
        "runs_in": runs_in,
        "socket": wanted.socket,
        "output": wanted.output or OUTPUT[wanted.platform],
        "key": wanted.key,
        "redirect": list(wanted.redirect),
        "json": dict(wanted.json),
        "missing": wanted.missing,
        "column": wanted.column,
    }
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        _lay_out(context, runs_in, settings)
        digest = base_image.build(context, tag, base=image)
    code = f"print(open('{INSIDE}/redirected.json').read())"
    redirected = json.loads(base_image.ask(tag, "python3", "-c", code).stdout)
    if not redirected["any"]:
        base_image.docker("rmi", "--force", tag)
        raise AdaptError(
            f"no file below {', '.join([working, *wanted.redirect])} names /input or /output; name "
            "the program's folder with --redirect (a program that has these paths compiled in "
            "cannot be adapted)"
        )
    return Adapted(digest, tuple(redirected["lines"]))


def _lay_out(context: Path, runs_in: str, settings: Mapping[str, Any]) -> None:
    ours = context / "sequestra"
    ours.mkdir()
    for name in ("run.py", "redirect.py"):
        shutil.copyfile(HERE / "in_image" / name, ours / name)
    (ours / "adapter.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    for path in (ours, *ours.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    text = DOCKERFILE.format(inside=INSIDE, runs_in=runs_in)
    (context / "Dockerfile").write_text(text, encoding="utf-8")


def _configuration(image: str) -> Mapping[str, Any]:
    if not re.fullmatch(r"[\w./:@-]+", image, re.ASCII):
        raise AdaptError(f"{image!r} is not the name of an image")
    answer = base_image.docker("image", "inspect", "--format", "{{json .Config}}", image)
    if answer.returncode:
        raise AdaptError(
            f"the engine has no image {image!r}; build it there, or load its archive with "
            "`docker load`"
        )
    config = json.loads(answer.stdout)
    return config if isinstance(config, dict) else {}


def _look(image: str, wanted: Wanted) -> None:
    """Refuse an image without what the layer needs."""
    needed = {"grand-challenge": "import SimpleITK", "midrc": ""}[wanted.platform]
    code = f"import sys; assert sys.version_info >= (3, 7), sys.version; {needed}"
    answer = base_image.ask(image, "python3", "-c", code)
    if answer.returncode:
        last = [answer.stdout.strip(), *answer.stderr.strip().splitlines()][-1]
        what = "Python 3.7 or newer" + (" and SimpleITK" if needed else "")
        raise AdaptError(
            f"{image} needs {what} as `python3` ({last or 'no answer'}); build it with these"
        )


def _is_hidden(folder: str) -> bool:
    return any(folder == each or folder.startswith(f"{each}/") for each in HIDDEN)
