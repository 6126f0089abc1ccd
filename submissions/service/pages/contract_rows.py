"""The contract of a benchmark in words: what a container gets, and what it has to write."""

from __future__ import annotations

from submissions.contract import Contract
from submissions.service.pages.shown import seconds

Row = tuple[str, str]


def contract_rows(contract: Contract) -> list[Row]:
    """Name and text of each limit, in the order in which a team meets them."""
    visible = ", ".join(("case_id", "n_files", *contract.visible))
    columns = ",".join(("case_id", *contract.outputs))
    return [
        ("Image", f"at most {contract.image_mb} MB"),
        (
            "Time",
            f"{seconds(contract.start_seconds)} to start, and {seconds(contract.case_seconds)} "
            f"for each case",
        ),
        ("Memory", f"{contract.memory_mb} MB"),
        ("Processors", f"{contract.cpus:g}"),
        ("GPUs", str(contract.gpus) if contract.gpus else "none"),
        ("Processes", f"at most {contract.pids}"),
        ("Scratch space", f"{contract.tmp_mb} MB in /tmp"),
        ("Shared memory", f"{contract.shm_mb} MB"),
        ("Network", "none"),
        ("It reads", f"/input/cases.csv with {visible}, and the images of each case"),
        ("It writes", f"/output/predictions.csv with {columns}"),
    ]
