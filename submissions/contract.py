"""The contract between a submitted container and the harness, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Derived, Give, Number, Text, Whole
from cohort_selection.benchmark_keys.reading import read_table
from cohort_selection.task.declaration import (
    BINARY,
    ONE_PROBABILITY,
    PROBABILITY,
    PredictionForm,
    Task,
)

CONTRACT_VERSION = 1
REGION_BYTES = 64_000_000
"""Size of a predictions.csv of masks or marks, where the benchmark's file does not say it."""


class ContractError(ValueError):
    """The [contract] table of a benchmark file is not one that the harness can keep."""


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names) or {"case_id", "n_files"} & set(names):
        raise ValueError
    return names


_NAMES = "different names of small letters, digits and _, without case_id and n_files"
_Name = Annotated[Text, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Names = Annotated[tuple[_Name, ...], Field(json_schema_extra={"uniqueItems": True})]


@dataclass(frozen=True, slots=True)
class Contract:
    """Limits and outputs of one benchmark; read from the [contract] table of its file."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    outputs: Annotated[
        _Names,
        Give(f"a list of {_NAMES} (at least one)"),
        Absent('["probability"], or what [task] says'),
        Field(
            min_length=1,
            description="columns of predictions.csv after `case_id`; a [task] names its own",
        ),
        AfterValidator(_different),
    ] = ("probability",)
    visible: Annotated[
        _Names,
        Give(f"a list of {_NAMES}"),
        Field(description="attributes that the container is told in cases.csv"),
        AfterValidator(_different),
    ] = ()
    start_seconds: Annotated[Number, Field(ge=1, le=86_400, description="time to start up")] = 60.0
    case_seconds: Annotated[
        Number, Field(ge=0, le=86_400, description="time for each case, added to it")
    ] = 2.0
    memory_mb: Annotated[Whole, Field(ge=16, le=4_194_304, description="memory, swap included")] = (
        2048
    )
    cpus: Annotated[
        Number,
        Field(
            ge=0.1,
            le=1024,
            description="processors, as a share of time. The run gets this number of the host's "
            "processors, rounded up, those with the fewest runs. Programs see no others, and the "
            "variables for threads are set to its whole part (see the starter's README)",
        ),
    ] = 1.0
    pids: Annotated[Whole, Field(ge=1, le=65_536, description="processes and threads")] = 128
    tmp_mb: Annotated[Whole, Field(ge=1, le=1_048_576, description="scratch in `/tmp`")] = 256
    shm_mb: Annotated[Whole, Field(ge=1, le=1_048_576, description="shared memory")] = 64
    output_bytes: Annotated[
        Whole,
        Absent("4000000, and 64000000 for masks and marks"),
        Field(ge=1024, le=1_073_741_824, description="size of predictions.csv"),
    ] = 4_000_000
    image_mb: Annotated[Whole, Field(ge=1, le=1_048_576, description="size of the image")] = 4096
    log_kb: Annotated[
        Whole,
        Field(ge=1, le=1_048_576, description="what is kept of its log, for the steward"),
    ] = 256
    gpus: Annotated[
        Whole,
        Field(
            ge=0,
            le=64,
            description="GPUs it is granted, for computing; the `NVIDIA_` variables of an image "
            "that would take more are overridden, with no GPU by `NVIDIA_VISIBLE_DEVICES=void`",
        ),
    ] = 0
    repeat_share: Annotated[
        Number,
        Field(
            ge=0,
            le=1,
            description="share of the cases that a fresh container runs a second time, to see "
            "whether the model is deterministic; `sequestra audit` shows the largest difference. "
            "Only the first run is scored",
        ),
    ] = 0.0
    repeat_tolerance: Annotated[
        Number,
        Absent("0.0001"),
        Field(
            ge=0,
            le=0.1,
            description="the largest difference between the two runs at which they agree, from 0 "
            "to 0.1. Networks in single precision change their last bits with the size of the "
            "batch (measured: up to 0.000007). Half precision, and TF32 on GPUs, need 0.01; 0 "
            "asks for the same six decimals. If the runs do not agree, another submission of the "
            "same image is run again",
        ),
    ] = 1e-4
    form: Annotated[PredictionForm, Derived()] = PROBABILITY
    """What a prediction may be, by the kind of task."""

    def seconds(self, n_cases: int) -> float:
        """Wall-clock limit in seconds for a run over ``n_cases`` cases."""
        return self.start_seconds + self.case_seconds * n_cases


def read_contract(
    table: Mapping[str, object], path: Path, task: Task = ONE_PROBABILITY
) -> Contract:
    """Read the [contract] table of the benchmark file ``path``, whose outputs ``task`` may name.

    Raises ContractError.
    """
    contract = read_table(Contract, table, path, "contract", ContractError)
    if task.kind == BINARY:
        return contract
    if "outputs" in table and contract.outputs != task.outputs:
        raise ContractError(
            f"{path.name}: [contract] outputs is {list(contract.outputs)} and [task] has the "
            f"outputs {', '.join(task.outputs)}; leave [contract] outputs out"
        )
    if task.has_regions and "output_bytes" not in table:
        contract = replace(contract, output_bytes=REGION_BYTES)
    return replace(contract, outputs=task.outputs, form=task.form)
