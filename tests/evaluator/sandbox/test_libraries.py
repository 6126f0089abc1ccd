"""What honest libraries do under the contract: each row of the starter's table in a container.

The libraries are those of the environment that runs the tests, mounted into the container; all
else is as in any run.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluator.sandbox import limits
from evaluator.sandbox import runs as runs_module
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
from submissions.host.base_image import docker
from submissions.submission import ContractBroken, Failure
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import PRELUDE
from tests.support.engine import ImageBuilder
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.engine

STARTER = REPOSITORY / "submissions" / "starter" / "README.md"
CONTRACT = Contract(start_seconds=120)
SITE = Path(np.__file__).parents[1]
LIBRARIES = "ENV PYTHONPATH=/libraries\n"
THREADS = "def threads(): return len(os.listdir('/proc/self/task'))\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: a program that trips, and the same with the line that helps.

    ``HELP`` in the program or in ``image`` stands for the line; ``without`` is there otherwise.
    """

    helps: str
    program: str
    trips: str
    """What its log says without the line."""
    then: str = ""
    """What its log says with it."""
    failure: Failure | None = Failure.CRASHED
    without: str = ""
    image: str = ""
    needs: str = ""
    """A library that must be there."""


ROWS = {
    "`multiprocessing`, `concurrent.futures`": Row(
        "max_workers=len(os.sched_getaffinity(0))",
        """
import concurrent.futures, multiprocessing
multiprocessing.set_start_method("fork")
with concurrent.futures.ProcessPoolExecutor(HELP) as pool:
    pool.submit(abs, 1).result()
    print("workers", len(multiprocessing.active_children()), flush=True)
answer()
""",
        trips="workers @CPUS@\n",
        then="workers 1\n",
        failure=None,
    ),
    "process pools of Python 3.14 and newer": Row(
        'if __name__ == "__main__":',
        """
import concurrent.futures, multiprocessing
HELP
    fork = multiprocessing.get_context("forkserver")
    with concurrent.futures.ProcessPoolExecutor(1, fork) as pool: pool.submit(abs, 1).result()
    answer()
""",
        trips="BrokenProcessPool",
        without="if True:",
    ),
    "`multiprocessing.shared_memory`": Row(
        "size=16 << 20",
        """
from multiprocessing import shared_memory
block = shared_memory.SharedMemory(create=True, HELP)
block.buf[:] = bytes(block.size)
block.close(); block.unlink()
answer()
""",
        trips="",
        without="size=100 << 20",
    ),
    "files and memory maps that stay open": Row(
        'with open(path, "rb") as file:',
        """
path, held = "/input/cases.csv", []
for _ in range(1100):
    HELP
        held.append(file)
answer()
""",
        trips="Too many open files",
        without='file = open(path, "rb")\n    if True:',
    ),
    "logs, reports and other files with a relative path": Row(
        'os.chdir("/tmp")',
        "HELP\nwith open('report.csv', 'w') as report: report.write('x')\nanswer()\n",
        trips=r"\[Errno 30\] Read-only file system: 'report.csv'",
    ),
    "`pwd.getpwuid`, and programs that look up their user": Row(
        'name = os.environ["USER"]',
        "import pwd\nHELP\nprint('name', name, flush=True)\nanswer()\n",
        trips=r"KeyError: 'getpwuid\(\)",
        then="name submission\n",
        without="name = pwd.getpwuid(os.getuid()).pw_name",
    ),
    "files that were copied from a private folder": Row(
        "RUN chmod -R a+rX /app",
        "print(open('/app/weights.txt').read(), flush=True)\nanswer()\n",
        trips="Permission denied",
        then="mine\n",
        image="RUN echo mine > /app/weights.txt && chmod 600 /app/weights.txt\nHELP\n",
    ),
    "onnxruntime before 1.29": Row(
        "options.intra_op_num_threads = len(os.sched_getaffinity(0))",
        THREADS
        + """
for name in ("ORT_INTRA_OP_NUM_THREADS", "ORT_INTER_OP_NUM_THREADS"):
    del os.environ[name]  # which it does not read
import onnxruntime
before = threads()
options = onnxruntime.SessionOptions()
HELP
session = onnxruntime.InferenceSession(@MODEL@, options, providers=["CPUExecutionProvider"])
session.run(None, {"x": [1.0]})
print("more threads:", threads() - before, flush=True)
answer()
""",
        trips="more threads: [1-9]",
        then="more threads: 0\n",
        failure=None,
        needs="onnxruntime",
    ),
}
SAVED = (
    'RUN mkdir -p /app/weights/hub/checkpoints && python3 -c "import base64; open('
    "'/app/weights/hub/checkpoints/weights.pth', 'wb').write(base64.b64decode('@WEIGHTS@'))\"\n"
)
HEAVY = {
    "torch's `DataLoader` with workers": Row(
        "num_workers=0",
        """
import torch
from torch.utils.data import DataLoader
cases = [torch.zeros(3, 1024, 1024) for _ in range(16)]
for batch in DataLoader(cases, batch_size=8, HELP): pass
answer()
""",
        trips="No space left on device",
        without="num_workers=2",
        needs="torch",
    ),
    "torch's tensors sent between processes": Row(
        'torch.multiprocessing.set_sharing_strategy("file_system")',
        """
import torch
HELP
held = [torch.zeros(1).share_memory_() for _ in range(1100)]
answer()
""",
        trips="Too many open files",
        needs="torch",
    ),
    "`torch.hub`, and libraries that download weights at their first use": Row(
        "ENV TORCH_HOME=/app/weights",
        """
import torch
found = torch.hub.load_state_dict_from_url("https://weights.invalid/weights.pth", progress=False)
print("weights", found["layer"].tolist(), flush=True)
answer()
""",
        trips="URLError",
        then=r"weights \[3\.0\]\n",
        image=SAVED + "HELP\n",
        needs="torch",
    ),
    "`torch.compile`": Row(
        "ENV TORCH_COMPILE_DISABLE=1",
        """
import torch
print(torch.compile(lambda x: x.sin() + 1)(torch.zeros(2)).tolist(), flush=True)
answer()
""",
        trips="InvalidCxxCompiler",
        then=r"\[1\.0, 1\.0\]\n",
        image="HELP\n",
        needs="torch",
    ),
    "Java before 19": Row(
        "ENV JAVA_TOOL_OPTIONS=-Duser.home=/tmp",
        """
import subprocess
said = subprocess.run(["/java/bin/java", "-XshowSettings:properties", "-version"],
                      capture_output=True, text=True).stderr
print(*(line.strip() for line in said.splitlines() if "user.home" in line), sep="\\n", flush=True)
answer()
""",
        trips=r"user\.home = \?\n",
        then=r"user\.home = /tmp\n",
        failure=None,
        image="HELP\n",
    ),
}

Runs = Callable[..., str]


@pytest.fixture
def mounted(
    engine: Engine, base_image: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Mapping[str, Path]], None]:
    """Mount folders of this machine into the containers of a test, to be read."""

    def mount(folders: Mapping[str, Path]) -> None:
        more = [
            {"Type": "bind", "Target": target, "Source": str(source), "ReadOnly": True}
            for target, source in folders.items()
        ]
        kept = limits.flags

        def flags(*given: Any) -> dict[str, Any]:
            asked = kept(*given)
            return {**asked, "mounts": [*asked["mounts"], *more]}

        monkeypatch.setattr(limits, "flags", flags)
        monkeypatch.setattr(runs_module, "flags", flags)

    return mount


@pytest.fixture
def libraries(
    base_image: str, mounted: Callable[[Mapping[str, Path]], None]
) -> Callable[[str], None]:
    """Give containers the libraries of this environment, one of which is needed."""

    def give(needed: str) -> None:
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed in this environment")
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        asked = "import sys; print(*sys.version_info[:2], sep='.')"
        there = docker("run", "--rm", "--network", "none", base_image, "python3", "-c", asked)
        if there.stdout.strip() != here:
            pytest.skip(f"the libraries are for Python {here}, not for {there.stdout.strip()}")
        mounted({"/libraries": SITE})

    return give


@pytest.fixture
def runs(engine: Engine, image_of: ImageBuilder, tmp_path: Path) -> Runs:
    """Run a program in an image to its end; its log."""

    def run(
        program: str, image: str = "", failure: Failure | None = None, name: str = "run"
    ) -> str:
        cases, root = stage_cases(tmp_path / name, CONTRACT)
        made = image_of(PRELUDE + program, extra=LIBRARIES + image)
        asked = partial(engine.run, made, contract=CONTRACT, submission_id="test-libraries")
        with stage(cases, CONTRACT, root) as staged:
            if failure is None:
                return asked(staged=staged).log_tail
            with pytest.raises(ContractBroken) as broken:
                asked(staged=staged)
        assert broken.value.failure is failure, f"{broken.value.detail}\n{broken.value.log_tail}"
        return broken.value.log_tail

    return run


def both_ways(row: Row, runs: Runs, filled: Mapping[str, str]) -> None:
    """Run a row's program without the line that helps, which trips, and with it."""
    for line, said, failure in ((row.without, row.trips, row.failure), (row.helps, row.then, None)):
        program, image = (
            re.sub(r"@([A-Z]+)@", lambda found: filled[found[1]], text.replace("HELP", line))
            for text in (row.program, row.image)
        )
        wanted = re.sub(r"@([A-Z]+)@", lambda found: filled[found[1]], said)
        log = runs(program, image, failure, name="helped" if line == row.helps else "tripping")
        assert re.search(wanted, log), log


def model() -> bytes:
    """A network that gives back what it is given."""
    from onnx import TensorProto, helper

    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "g", *([s] for s in shapes)
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(made.SerializeToString())


def n_cores() -> int:
    """Cores of this machine; two processors may be one."""
    siblings = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    return len({path.read_text(encoding="ascii") for path in siblings})


@pytest.mark.parametrize("library", ROWS)
def test_a_library_trips_and_the_line_helps(
    library: str, engine: Engine, base_image: str, runs: Runs, libraries: Callable[[str], None]
) -> None:
    row = ROWS[library]
    if "sched_getaffinity" in row.helps and not engine.connection.has_cpusets:
        pytest.skip("this engine has no CPU sets, as a rootless one without the controller")
    filled = {}
    if "@CPUS@" in row.trips:
        # From Python 3.13 it counts those that it may use, as one of two or more.
        counted = "import os; print(getattr(os, 'process_cpu_count', os.cpu_count)())"
        one = ("run", "--rm", "--network", "none", "--cpuset-cpus", "0")
        said = docker(*one, base_image, "python3", "-c", counted)
        filled["CPUS"] = said.stdout.strip()
    if row.needs:
        libraries(row.needs)
        if n_cores() < 2:
            pytest.skip("this machine has one core")
        filled["MODEL"] = repr(model())
    both_ways(row, runs, filled)


@pytest.mark.libraries
@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_trips_and_the_line_helps(
    library: str,
    runs: Runs,
    libraries: Callable[[str], None],
    mounted: Callable[[Mapping[str, Path]], None],
) -> None:
    row = HEAVY[library]
    filled = {}
    if row.needs:
        libraries(row.needs)
        import torch

        weights = io.BytesIO()
        torch.save({"layer": torch.tensor([3.0])}, weights)
        filled["WEIGHTS"] = base64.b64encode(weights.getvalue()).decode()
    else:
        mounted({"/java": old_java()})
    both_ways(row, runs, filled)


def old_java() -> Path:
    """The folder of a Java before 19 on this machine."""
    found = shutil.which("java")
    if found is None:
        pytest.skip("no Java on this machine: install openjdk-17-jre-headless")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=True).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) >= 19:
        pytest.skip("this machine's Java knows HOME: it is 19 or newer")
    return Path(found).resolve().parents[1]


def test_the_table_has_these_rows_and_these_lines() -> None:
    text = STARTER.read_text(encoding="utf-8")
    _, _, table = text.partition(
        "| library | what it trips over | what helps |\n| --- | --- | --- |\n"
    )
    lines = table.partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = {**ROWS, **HEAVY}
    assert [library for library, _, _ in cells] == list(rows)
    assert [library for library, _, helps in cells if f"`{rows[library].helps}`" not in helps] == []


ASKED = f"""{THREADS}
import getpass
assert getpass.getuser() == "submission", getpass.getuser()
import numpy as np
np.ones((300, 300)) @ np.ones((300, 300))
from kernels import total
assert total(np.ones(1000)) == 1000
kept = [file for _, _, files in os.walk(os.path.expanduser("~/.cache")) for file in files]
assert any(file.endswith(".nbi") for file in kept), kept  # its own folder cannot be written
import onnxruntime
session = onnxruntime.InferenceSession(@MODEL@, providers=["CPUExecutionProvider"])
session.run(None, {{"x": [1.0]}})
print("threads", threads(), flush=True)
for folder, folders, files in os.walk("/tmp"):
    if ".onnxruntime" in folder: print("left", folder, files, flush=True)
answer()
"""


KERNELS = """import numba
@numba.njit(parallel=True, cache=True)
def total(values):
    sum = 0.0
    for index in numba.prange(values.size): sum += values[index]
    return sum
"""


def test_libraries_start_no_more_threads_than_granted_and_write_down_no_device(
    runs: Runs, libraries: Callable[[str], None]
) -> None:
    libraries("onnxruntime")
    encoded = base64.b64encode(KERNELS.encode()).decode()
    image = f"RUN echo {encoded} | base64 -d > /app/kernels.py && chmod 644 /app/kernels.py\n"
    assert runs(ASKED.replace("@MODEL@", repr(model())), image) == "threads 1\n"


@pytest.mark.libraries
@pytest.mark.parametrize(
    ("library", "program"),
    [
        ("monai", "import monai, torch\nprint('threads', torch.get_num_threads())"),
        (
            "SimpleITK",
            "import SimpleITK as sitk, numpy as np\n"
            "sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(np.ones((9, 64, 64))), 1.0)\n"
            "print('threads', threads())",
        ),
    ],
)
def test_a_heavy_library_needs_no_line(
    library: str, program: str, runs: Runs, libraries: Callable[[str], None]
) -> None:
    libraries(library)
    assert "threads 1\n" in runs(f"{THREADS}{program}\nanswer()\n")
