"""Every limit of the contract in an engine's words, and whether the engine granted it."""

from __future__ import annotations

import math
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluator.seccomp import narrowed_profile
from evaluator.staging import Staged
from submissions.base_image import cache
from submissions.contract import Contract
from submissions.engine_address import EngineUnavailable

CONTAINER_UID = 60_606
"""User and group of every submission: in a range that systemd and Debian leave to nobody, so that
it owns nothing on the host, and below 65,536, so that a rootless engine can map it."""

OPEN_FILES = 1024


def flags(staged: Staged, contract: Contract) -> dict[str, Any]:
    """Every limit of the contract, in the engine's words."""
    memory = contract.memory_mb * 2**20
    # One bound holds for every file, so the scratch space sets it where that is larger: what a
    # container can put on the host's disk is one file of this size, for the time of its run.
    file_bytes = max(contract.output_bytes, contract.tmp_mb * 2**20)
    return {
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "privileged": False,
        "pids_limit": contract.pids,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(contract.cpus * 1e9),
        "ipc_mode": "private",
        "shm_size": contract.shm_mb * 2**20,
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={contract.tmp_mb}m,mode=1777"},
        "mounts": [
            _mount("/input", staged.input, read_only=True),
            _mount("/output/predictions.csv", staged.predictions, read_only=False),
        ],
        "ulimits": [
            {"Name": "fsize", "Soft": file_bytes, "Hard": file_bytes},
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "log_config": {
            "Type": "json-file",
            "Config": {"max-size": f"{contract.log_kb}k", "max-file": "1"},
        },
        "restart_policy": {"Name": "no"},
        "device_requests": [{"Count": contract.gpus, "Capabilities": [["gpu"]]}]
        if contract.gpus
        else [],
        "dns": ["127.0.0.1"],  # not the host's resolv.conf, which names its site
        "dns_search": ["."],
    }


def _mount(target: str, source: Path, *, read_only: bool) -> dict[str, Any]:
    return {"Type": "bind", "Target": target, "Source": str(source), "ReadOnly": read_only}


def in_podmans_words(asked: dict[str, Any]) -> dict[str, Any]:
    """Add what Podman needs to be told to keep the same limits."""
    # It asks for a million processes a user but has bounded itself to 32,768, and the kernel then
    # refuses to start anything. The limit that counts is that of the cgroup.
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = 32_768 if hard == resource.RLIM_INFINITY else min(hard, 32_768)
    return {
        **asked,
        "ulimits": [*asked["ulimits"], {"Name": "nproc", "Soft": processes, "Hard": processes}],
        "security_opt": [*asked["security_opt"], f"seccomp={narrowed_profile(cache())}"],
        # It makes these writable in a read-only container.
        "tmpfs": {
            **asked["tmpfs"],
            **dict.fromkeys(("/run", "/var/tmp"), "ro,noexec,nosuid,nodev,size=4k,mode=0555"),
        },
    }


def environment(contract: Contract) -> dict[str, str]:
    """All that the harness sets in the image's own environment, whatever the image says of it."""
    threads = str(max(1, math.floor(contract.cpus)))
    # Where NVIDIA's runtime is the engine's default it hands out the GPUs that this names, and
    # the images of CUDA name all. It leaves a container alone that says "void".
    gpus = {} if contract.gpus else {"NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        **gpus,
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }


def can_grant(contract: Contract, cpus: int, memory_bytes: int) -> None:
    """Raise EngineUnavailable where the engine's machine is smaller than the contract."""
    if contract.cpus > cpus:
        raise EngineUnavailable(
            f"the benchmark grants {contract.cpus:g} CPUs but the engine has {cpus}; "
            "run it on a larger machine"
        )
    if contract.memory_mb * 2**20 > memory_bytes:
        raise EngineUnavailable(
            f"the benchmark grants {contract.memory_mb} MB of memory but the engine has "
            f"{memory_bytes // 2**20} MB; run it on a larger machine"
        )


def lacking(info: Mapping[str, Any]) -> list[str]:
    """Limits of the contract that this engine says it cannot enforce."""
    named = {
        "MemoryLimit": "a memory limit",
        "CpuCfsQuota": "a CPU limit",
        "PidsLimit": "a limit of processes",
    }
    missing = [words for key, words in named.items() if info.get(key) is False]
    if info.get("SwapLimit") is False and _swaps():
        missing.append("a swap limit (or turn swap off)")
    options = " ".join(info.get("SecurityOptions") or ())
    if (info.get("Rootless") or "rootless" in options) and (
        info.get("CgroupVersion") != "2" or info.get("CgroupDriver") == "none"
    ):
        missing.append("memory, CPU and process limits (a rootless engine needs cgroup v2)")
    if "seccomp" not in options or "profile=unconfined" in options:
        missing.append("the default seccomp profile")
    return missing


def _swaps() -> bool:
    """Whether this machine swaps; without swap there is none to limit."""
    try:
        return len(Path("/proc/swaps").read_text(encoding="utf-8").splitlines()) > 1
    except OSError:
        return True


def not_granted(attributes: Mapping[str, Any], contract: Contract) -> list[str]:
    """Flags that the engine took without complaint but did not keep."""
    host, config = attributes["HostConfig"], attributes["Config"]
    memory = contract.memory_mb * 2**20
    cpus = (host.get("NanoCpus") or 0) / 1e9 or (
        (host.get("CpuQuota") or 0) / (host.get("CpuPeriod") or 100_000)
    )
    ulimits = {
        str(limit["Name"]).removeprefix("RLIMIT_").lower() for limit in host.get("Ulimits") or ()
    }
    kept: Mapping[str, bool] = {
        "no network": host["NetworkMode"] == "none",
        "a read-only root": host["ReadonlyRootfs"] is True,
        "no privileges": host["Privileged"] is False,
        "a memory limit": host["Memory"] == memory,
        "no swap": host["MemorySwap"] in (memory, 0, -1)
        if not _swaps()
        else host["MemorySwap"] == memory,
        "a limit of processes": host["PidsLimit"] == contract.pids,
        "a CPU limit": math.isclose(cpus, contract.cpus, rel_tol=0.01),
        "no capabilities": bool(host["CapDrop"]) and not host["CapAdd"],
        "no-new-privileges": any("no-new-privileges" in o for o in host["SecurityOpt"] or ()),
        "a numeric user": config["User"] == f"{CONTAINER_UID}:{CONTAINER_UID}",
        "limits of file size and core dumps": {"fsize", "core"} <= ulimits,
        "a bounded /tmp": f"size={contract.tmp_mb}m" in (host.get("Tmpfs") or {}).get("/tmp", ""),
    }
    return [words for words, is_kept in kept.items() if not is_kept]
