"""Writes a starter kit: a folder that builds and passes the check for one benchmark as it is."""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.task.declaration import PredictionForm, read_task
from submissions.contract import Contract, read_contract
from submissions.quota import Quota, read_quota

HERE = Path(__file__).resolve().parent
SECTIONS = ("What the container sees", "Libraries", "What can go wrong")
"""Sections of the starter's README that stand in each kit too."""

_OUTPUTS = 'OUTPUTS = ("probability",)'
_ROWS = (
    "one for each frame with a mask, or for each mark; for a case in which nothing was found, one "
    "with empty cells after its `case_id`. `frame` counts from 1, `runs` are pairs of start and "
    "length from pixel 1, row by row; `x` and `y` count from the upper left corner of the picture"
)
_REGIONS = 'OUTPUTS = ("sop_instance_uid", "frame", "runs")'
_NO_SUM = "SUM_TO_ONE = False"
_SCALE = "LOWEST, HIGHEST = 0.0, 1.0"


class KitError(ValueError):
    """A starter kit cannot be written as asked; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """What a program computes with: its files, and how each is explained (none: not listed)."""

    folder: Path
    files: Mapping[str, str]
    build: str = "build.sh"
    model: str = "`predict.py`"
    libraries: str = ""


_FETCHED = (
    "Step 1 needs the libraries of `requirements.txt` in your own Python; step 2 fetches them for "
    "the\nimage into `site/`."
)
FLAVOURS = {
    "plain": Flavour(HERE, {"Dockerfile": "", "predict.py": ""}, "build_plain.sh"),
    "onnx": Flavour(
        HERE / "with_onnx",
        {
            "Dockerfile": "",
            "predict.py": "",
            "model.py": "loads the network, and gives the scores of one case",
            "pictures.py": "reads a picture for the network",
            "model.onnx": "stands in for your network",
            "make_model.py": "made `model.onnx`, and says what goes in and out",
            "requirements.txt": "the libraries of the image",
        },
        model="`model.py` and your network into `model.onnx`",
        libraries=f"{_FETCHED}\n\n",
    ),
    "torch": Flavour(
        HERE / "with_torch",
        {
            "Dockerfile": "",
            "predict.py": "",
            "model.py": "loads the network, and gives the scores of one case",
            "pictures.py": "reads a picture for the network",
            "network.py": "the network",
            "weights.pt": "stands in for your weights",
            "requirements.txt": "the libraries of the image",
        },
        model="`model.py`, your network into `network.py` and its weights into `weights.pt`",
        libraries=(
            f"{_FETCHED} Wheels of torch with CUDA are several GB, more than\n"
            "`image_mb` may allow; without GPUs take torch's wheels for the CPU: torch's page "
            "'Start locally'\nnames their index for `PIP_INDEX_URL`.\n\n"
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class KitBenchmark:
    """What a kit says of its benchmark."""

    name: str
    title: str
    description: str
    contract: Contract
    quota: Quota


def read(file: Path) -> KitBenchmark:
    """Read what a kit needs of a benchmark's file; raises KitError, ContractError, QuotaError."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise KitError(f"{file} is not a TOML file ({error}); give a benchmark's file") from error
    about, contract, quota, task = (
        document.get(name, {}) for name in ("benchmark", "contract", "quota", "task")
    )
    if not all(isinstance(table, dict) for table in (about, contract, quota, task)):
        raise KitError(
            f"{file} is not a benchmark's file: [benchmark], [contract], [quota] and [task] must "
            f"be tables"
        )
    name = str(about.get("name", file.stem))
    return KitBenchmark(
        name=name,
        title=str(about.get("title", name)),
        description=str(about.get("description", "")).strip() or "A benchmark of Sequestra.",
        contract=read_contract(contract, file, read_task(task, file)),
        quota=read_quota(
            {key: value for key, value in quota.items() if key in Quota.__dataclass_fields__}, file
        ),
    )


def write(directory: Path, benchmark: KitBenchmark, flavour: str = "plain") -> list[Path]:
    """Write the kit into a new or empty folder, whole or not at all; its files, by name.

    Raises KitError for an unknown flavour or a folder that holds something.
    """
    chosen = FLAVOURS.get(flavour)
    if chosen is None:
        raise KitError(
            f"the flavour is {flavour!r}{did_you_mean(flavour, FLAVOURS)}; give one of "
            f"{', '.join(FLAVOURS)}"
        )
    if benchmark.contract.form.regions and flavour != "plain":
        raise KitError(
            f"{benchmark.name} asks for masks or marks, and the flavour {flavour!r} gives numbers "
            'alone; take the flavour "plain", and put your network in its place'
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise KitError(f"{directory} is there already; give a new or an empty folder")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".sequestra-kit-") as folder:
        fresh = Path(folder) / "kit"
        fresh.mkdir()
        _fill(fresh, benchmark, chosen)
        if directory.exists():
            directory.rmdir()
        fresh.rename(directory)
    return sorted(directory.iterdir())


def _fill(folder: Path, benchmark: KitBenchmark, chosen: Flavour) -> None:
    names = ", ".join(f'"{name}"' for name in benchmark.contract.outputs)
    declared = (
        f"OUTPUTS = ({names},)" if len(benchmark.contract.outputs) == 1 else f"OUTPUTS = ({names})"
    )
    for name in chosen.files:
        own = chosen.folder / name
        shutil.copyfile(own if own.exists() else HERE / "kit_files" / name, folder / name)
    regions = bool(benchmark.contract.form.regions)
    test = "test_predict_regions.py" if regions else "test_predict.py"
    shutil.copyfile(HERE / "kit_files" / test, folder / "test_predict.py")
    if regions:
        shutil.copyfile(HERE / "kit_files" / "predict_regions.py", folder / "predict.py")
    shutil.copyfile(HERE / "kit_files" / chosen.build, folder / "build.sh")
    for name in ("predict.py", "test_predict.py"):
        text = (folder / name).read_text(encoding="utf-8")
        text = text.replace(_REGIONS if regions else _OUTPUTS, declared)
        if benchmark.contract.form.of_classes:
            text = text.replace(_NO_SUM, _NO_SUM.replace("False", "True"))
        text = _on_scale(text, benchmark.contract.form, program=name == "predict.py")
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".dockerignore").write_text("README.md\ntest_predict.py\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(benchmark, chosen), encoding="utf-8")


def _on_scale(text: str, form: PredictionForm, *, program: bool) -> str:
    """A file of the kit with the scale of its benchmark; scores on any scale stay from 0 to 1."""
    if form.lowest is None:
        return text if program else text.replace(_SCALE, "LOWEST, HIGHEST = -1e9, 1e9")
    return text.replace(_SCALE, f"LOWEST, HIGHEST = {form.lowest}, {form.highest}")


def _readme(benchmark: KitBenchmark, chosen: Flavour) -> str:
    template = (HERE / "kit_files" / "README.md").read_text(encoding="utf-8")
    listed = (f"| `{name}` | {purpose} |\n" for name, purpose in chosen.files.items() if purpose)
    return Template(template).substitute(
        title=benchmark.title,
        description=benchmark.description,
        name=benchmark.name,
        model=chosen.model,
        libraries=chosen.libraries,
        files="".join(listed),
        limits="\n".join(f"| {name} | {value} |" for name, value in _limits(benchmark)),
        sections="\n\n".join(map(_section, SECTIONS)),
    )


def _limits(benchmark: KitBenchmark) -> list[tuple[str, str]]:
    """The contract's values, each with the name that the benchmark's file gives it."""
    contract, quota = benchmark.contract, benchmark.quota
    return [
        ("columns of predictions.csv", f"`case_id,{','.join(contract.outputs)}`"),
        *([("rows of predictions.csv", _ROWS)] if contract.form.regions else []),
        ("what stands in them", _values(contract)),
        (
            "further columns of cases.csv (`visible`)",
            f"`{', '.join(contract.visible)}`" if contract.visible else "none",
        ),
        (
            "time (`start_seconds`, `case_seconds`)",
            f"{contract.start_seconds:g} s and {contract.case_seconds:g} s for each case",
        ),
        ("processors (`cpus`)", f"{contract.cpus:g}; libraries start {_threads(contract)}"),
        ("GPUs (`gpus`)", str(contract.gpus) if contract.gpus else "none"),
        ("memory (`memory_mb`)", f"{contract.memory_mb} MB, `/tmp` and `/dev/shm` included"),
        ("`/tmp` (`tmp_mb`)", f"{contract.tmp_mb} MB, the only place to write beside the answer"),
        ("`/dev/shm` (`shm_mb`)", f"{contract.shm_mb} MB"),
        ("processes and threads (`pids`)", str(contract.pids)),
        ("size of predictions.csv (`output_bytes`)", f"{contract.output_bytes} bytes"),
        ("size of the image, unpacked (`image_mb`)", f"{contract.image_mb} MB"),
        ("submissions of a team", f"{quota.per_team} in {quota.days} days"),
    ]


def _values(contract: Contract) -> str:
    """What an output may be, and which side of it is which."""
    form = contract.form
    if form.of_classes:
        return "a probability from 0 to 1 for each class; those of a case sum to 1"
    if form.lowest is None or form.highest is None:
        return "a number on any scale, higher where the case is more likely positive"
    if (form.lowest, form.highest) != (0.0, 1.0):
        return f"a grade from {form.lowest:g} to {form.highest:g}, decimals allowed"
    several = len(contract.outputs) > 1
    return "a probability from 0 to 1" + (" for each finding by itself" if several else "")


def _threads(contract: Contract) -> str:
    number = max(1, int(contract.cpus))
    return f"{number} thread{'s' if number > 1 else ''}"


def _section(title: str) -> str:
    """One section of the starter's README; links to other pages lose their address."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    _, heading, after = text.partition(f"\n## {title}\n")
    if not heading:
        raise KitError(f"{HERE / 'README.md'} has no section {title!r}; install sequestra again")
    section = after.partition("\n## ")[0].strip()
    return f"## {title}\n\n" + re.sub(r"\[([^\]]+)\]\((?!#)[^)]+\)", r"\1", section)
