"""Podman's default seccomp profile with the doors shut that Docker's does not open.

Podman lets every container make user namespaces and mount inside them, so that containers can be
nested. A submission needs neither, and both widen what it can ask of the kernel.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cohort_selection.atomic import write_bytes
from submissions.engine_address import EngineUnavailable

PROFILES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))

SHUT = frozenset(
    {
        *("unshare", "setns", "clone", "clone3"),
        *("mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree"),
        *("fsopen", "fsconfig", "fsmount", "fspick", "pivot_root", "chroot"),
        *("keyctl", "add_key", "request_key", "name_to_handle_at", "open_by_handle_at"),
        *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup"),
        *("io_uring_enter", "io_uring_register"),
    }
)
"""System calls taken from the profile; clone comes back without its namespace flags."""

NAMESPACE_FLAGS = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (linux/sched.h)."""


def narrowed_profile(folder: Path, profiles: tuple[Path, ...] = PROFILES) -> Path:
    """Write the narrowed profile into ``folder`` and return its path.

    Raises EngineUnavailable where Podman's own profile is not found.
    """
    for path in profiles:
        if path.is_file():
            profile: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            break
    else:
        raise EngineUnavailable(
            f"Podman's seccomp profile is neither of {', '.join(map(str, profiles))}; "
            "install golang-github-containers-common (or containers-common)"
        )
    kept = []
    for rule in profile["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW":
            names = [name for name in rule["names"] if name not in SHUT]
            if not names:
                continue
            rule = {**rule, "names": names}
        kept.append(rule)
    without_namespaces = {
        "index": 0,
        "value": NAMESPACE_FLAGS,
        "valueTwo": 0,
        "op": "SCMP_CMP_MASKED_EQ",
    }
    kept.append(
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [without_namespaces]},
    )
    written = folder / "seccomp-podman.json"
    content = json.dumps({**profile, "syscalls": kept}).encode()
    if not written.is_file() or written.read_bytes() != content:
        write_bytes(written, content)
    return written
