"""Every limit of the contract in an engine's words, and a check that the engine granted it."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluator.sandbox.staging import Staged
from evaluator.system_calls import profile_file, profile_text
from submissions.addresses.engine import EngineUnavailable
from submissions.contract import Contract
from submissions.host.base_image import cache

USER_IDS = range(60_606, 60_706)
"""Users, and groups, of containers, each of one that runs: what the kernel counts by user is then
nobody else's. In a range that systemd and Debian leave to nobody, so that they own nothing on the
host, and below 65,536, so that a rootless engine can map them."""

OPEN_FILES = 1024

NO_HEALTH_CHECK = ["NONE"]

NAME_VARIABLES = ("USER", "LOGNAME")
"""What tells a program the name of its user, who has none in the image's list of users."""

USER_NAME = "submission"

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    # onnxruntime counts the machine's processors, whichever of them it may use.
    "ORT_INTRA_OP_NUM_THREADS",
    "ORT_INTER_OP_NUM_THREADS",
)
"""What tells a library how many threads to start: a whole number of ``cpus``."""


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
        "security_opt": ["no-new-privileges", f"seccomp={profile_text()}"],
        "privileged": False,
        "pids_limit": contract.pids,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(contract.cpus * 1e9),
        # Most programs start a thread for each processor that they see, whatever their share.
        "cpuset_cpus": ",".join(staged.cores),
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
        # Named: of a mere count every container would get the first.
        "device_requests": [{"DeviceIDs": list(staged.gpus), "Capabilities": [["gpu"]]}]
        if staged.gpus
        else [],
        "dns": ["127.0.0.1"],  # not the host's resolv.conf, which names its site
        "dns_search": ["."],
    }


def _mount(target: str, source: Path, *, read_only: bool) -> dict[str, Any]:
    return {"Type": "bind", "Target": target, "Source": str(source), "ReadOnly": read_only}


def in_podmans_words(options: dict[str, Any]) -> dict[str, Any]:
    """Add what Podman needs to be told to keep the same limits."""
    # It asks for a million processes a user but has bounded itself to 32,768, and the kernel then
    # refuses to start anything. The limit that counts is that of the cgroup.
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = 32_768 if hard == resource.RLIM_INFINITY else min(hard, 32_768)
    return {
        **options,
        "ulimits": [*options["ulimits"], {"Name": "nproc", "Soft": processes, "Hard": processes}],
        "security_opt": ["no-new-privileges", f"seccomp={profile_file(cache())}"],
        # It makes these writable in a read-only container.
        "tmpfs": {
            **options["tmpfs"],
            **dict.fromkeys(("/run", "/var/tmp"), "ro,noexec,nosuid,nodev,size=4k,mode=0555"),
        },
    }


def environment(contract: Contract, gpus: Sequence[str]) -> dict[str, str]:
    """All that the harness sets in the image's own environment, whatever the image says of it."""
    threads = str(max(1, math.floor(contract.cpus)))
    return {
        **_gpu_environment(gpus),
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        **dict.fromkeys(NAME_VARIABLES, USER_NAME),
        **dict.fromkeys(THREAD_VARIABLES, threads),
        # onnxruntime, from 1.29, otherwise writes down an identifier of the device at its import.
        "ORT_DISABLE_TELEMETRY": "1",
    }


def _gpu_environment(gpus: Sequence[str]) -> dict[str, str]:
    """What NVIDIA's runtime reads in a container's environment, before what its image says.

    Where it is the engine's default it hands out the GPUs that are named there, and the images of
    CUDA name all; with them a network card, switches and channels to other machines. It leaves a
    container alone that says "void".
    """
    if not gpus:
        return {"NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        "NVIDIA_VISIBLE_DEVICES": ",".join(gpus),
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        "NVIDIA_IMEX_CHANNELS": "void",
        **dict.fromkeys(
            ("NVIDIA_MOFED", "NVIDIA_GDS", "NVIDIA_GDRCOPY", "NVIDIA_NVSWITCH"), "disabled"
        ),
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
        missing.append("a seccomp profile")
    return missing


def _swaps() -> bool:
    """Whether this machine swaps; without swap there is none to limit."""
    try:
        return len(Path("/proc/swaps").read_text(encoding="utf-8").splitlines()) > 1
    except OSError:
        return True


def not_granted(
    attributes: Mapping[str, Any], staged: Staged, contract: Contract, podman: bool
) -> list[str]:
    """Flags that the engine took without complaint but did not keep, as it tells of a container.

    Podman words some of them otherwise, and of some it tells nothing.
    """
    host = attributes["HostConfig"]
    granted = _kept_by_both(attributes, staged, contract, podman)
    if not podman:
        granted |= _kept_by_docker(host, staged, contract, granted)
    return [words for words, is_kept in granted.items() if not is_kept]


def _kept_by_both(
    attributes: Mapping[str, Any], staged: Staged, contract: Contract, podman: bool
) -> dict[str, bool]:
    """What Docker and Podman tell of a container alike, each with whether it is as asked."""
    contract_flags = flags(staged, contract)
    host, config = attributes["HostConfig"], attributes["Config"]
    memory = contract_flags["mem_limit"]
    cpus = (host.get("NanoCpus") or 0) / 1e9 or (
        (host.get("CpuQuota") or 0) / (host.get("CpuPeriod") or 100_000)
    )
    options = host.get("SecurityOpt") or ()
    shown = [str(word).partition("=") for word in config.get("Env") or ()]
    granted = {mount["Destination"]: mount["RW"] for mount in attributes.get("Mounts") or ()}
    return {
        "no network": host.get("NetworkMode") == contract_flags["network_mode"],
        "a read-only root": host.get("ReadonlyRootfs") is True,
        "no privileges": host.get("Privileged") is False,
        "a memory limit": host.get("Memory") == memory,
        "no swap": host.get("MemorySwap") in ((memory,) if _swaps() else (memory, 0, -1)),
        "a limit of processes": host.get("PidsLimit") == contract_flags["pids_limit"],
        "a CPU limit": math.isclose(cpus, contract.cpus, rel_tol=0.01),
        "its own processors": (host.get("CpusetCpus") or "") == contract_flags["cpuset_cpus"],
        # Podman names each that it would have given, whichever those are.
        "no capabilities": bool(host.get("CapDrop")) and not host.get("CapAdd"),
        "no-new-privileges": any(option.startswith("no-new-privileges") for option in options),
        "its seccomp profile": not any("unconfined" in option for option in options),
        "a numeric user of its own": config.get("User") == f"{staged.uid}:{staged.uid}",
        "its environment": all(
            [value_shown for name, _, value_shown in shown if name == variable] == [value]
            for variable, value in environment(contract, staged.gpus).items()
        ),
        "limits of file size, open files and core dumps": _ulimits(
            contract_flags["ulimits"]
        ).items()
        <= _ulimits(host.get("Ulimits") or ()).items(),
        "a bounded /tmp": f"size={contract.tmp_mb}m" in _scratch(host),
        "a bounded /dev/shm": host.get("ShmSize") == contract_flags["shm_size"],
        "memory shared with nobody": host.get("IpcMode") in ("private", "shareable", "", None),
        "processes of its own": host.get("PidMode") in ("private", "", None),
        "the input read-only": granted.get("/input") is False,
        "no other mount": set(granted) == {mount["Target"] for mount in contract_flags["mounts"]},
        "no device but its GPUs": len(staged.gpus) == contract.gpus
        and (not host.get("Devices") or (podman and contract.gpus > 0)),
        "no second start": (host.get("RestartPolicy") or {}).get("Name", "") in ("no", ""),
        "no health check": _checks_nothing((config.get("Healthcheck") or {}).get("Test"), podman),
    }


def _kept_by_docker(
    host: Mapping[str, Any], staged: Staged, contract: Contract, granted: Mapping[str, bool]
) -> dict[str, bool]:
    """What Docker alone tells, or tells to the letter; ``kept`` is what both tell."""
    contract_flags = flags(staged, contract)
    options = host.get("SecurityOpt") or ()
    tmpfs = contract_flags["tmpfs"]["/tmp"].split(",")
    requests = host.get("DeviceRequests") or ()
    return {
        "no capability at all": host.get("CapDrop") == contract_flags["cap_drop"],
        "a /tmp without devices and setuid": set(tmpfs) == _scratch(host),
        "its seccomp profile": granted["its seccomp profile"]
        and f"seccomp={profile_text()}" in options,
        "memory of its own": host.get("IpcMode") == contract_flags["ipc_mode"],
        "a bounded log": host.get("LogConfig") == contract_flags["log_config"],
        "no device but its GPUs": granted["no device but its GPUs"]
        and [(each.get("Count") or 0, each.get("DeviceIDs")) for each in requests]
        == [(0, each["DeviceIDs"]) for each in contract_flags["device_requests"]],
        "no name server": host.get("Dns") == contract_flags["dns"],
    }


def _ulimits(entries: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    return {
        str(limit["Name"]).removeprefix("RLIMIT_").lower(): (limit["Soft"], limit["Hard"])
        for limit in entries
    }


def _scratch(host: Mapping[str, Any]) -> set[str]:
    """Words of what is mounted on /tmp."""
    return set((host.get("Tmpfs") or {}).get("/tmp", "").split(","))


def _checks_nothing(test: list[str] | None, podman: bool) -> bool:
    """Whether no health check runs; some Podmans take NONE for a command of that name."""
    words = test or []
    return words == NO_HEALTH_CHECK or (
        podman and words in ([], ["CMD", *NO_HEALTH_CHECK], ["CMD-SHELL", *NO_HEALTH_CHECK])
    )
