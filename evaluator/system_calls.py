"""System calls that a container may make: one list for every engine.

An engine's own list serves any container; this one leaves out what no model needs and what would
let one past a limit. Blocks beyond a file's end and extended attributes are not held by the limit
of file size (ext4 and XFS ask it only where a file grows), io_uring makes calls that no filter
sees, background reads are counted for all of the host, a sync writes out what all of it has to
write, and namespaces, mounts, keys and tracing widen what can be asked of the kernel.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from cohort_selection.atomic_files import write_bytes

NAMESPACE_FLAGS = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (linux/sched.h)."""

SOCKET_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
"""What talks within the container, which has no network; the last tells it of its interfaces."""

PERSONALITIES = {"PER_LINUX": 0, "UNAME26": 0x20000, "as it is": 0xFFFF_FFFF}

IOCTLS_OF_FILE_SYSTEMS = ord("X")
"""The type of FS_IOC_RESVSP, which reserves blocks as fallocate does, FIFREEZE, FITRIM and the
like (linux/falloc.h, linux/fs.h): bits 8 to 15 of the request."""

ARCHITECTURES = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
"""Without the 32-bit calls of either."""

_NOT_THERE = 38
"""ENOSYS: the C library then makes its threads by clone, whose flags can be seen, and what would
read and write in the background does so in the foreground."""

_NOT_SUPPORTED = 95
"""EOPNOTSUPP, of a file system that lacks something: what wants it does without."""

ALLOWED = frozenset(
    """
    open openat openat2 creat close close_range dup dup2 dup3 fcntl flock
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek readahead
    sendfile copy_file_range splice tee vmsplice
    fsync fdatasync sync_file_range truncate ftruncate fadvise64
    stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2
    readlink readlinkat getdents getdents64 getcwd chdir fchdir umask
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
    mknod mknodat chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat
    utime utimes futimesat utimensat
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime
    pipe pipe2 memfd_create

    mmap munmap mprotect mremap msync madvise mincore brk mlock mlock2 munlock mlockall munlockall
    membarrier pkey_alloc pkey_free pkey_mprotect remap_file_pages cachestat mseal map_shadow_stack
    shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr

    fork vfork execve execveat exit exit_group wait4 waitid set_tid_address set_robust_list
    get_robust_list futex futex_waitv futex_wake futex_wait futex_requeue rseq restart_syscall
    arch_prctl prctl seccomp getpid getppid gettid getpgid getpgrp setpgid getsid setsid
    getuid geteuid getgid getegid getresuid getresgid getgroups
    setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capget capset
    getrlimit setrlimit prlimit64 getrusage times getpriority setpriority ioprio_get ioprio_set
    sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_getattr sched_setattr sched_get_priority_max
    sched_get_priority_min sched_rr_get_interval getcpu
    kill tkill tgkill pidfd_open pidfd_send_signal rt_sigaction rt_sigprocmask rt_sigreturn
    rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack pause
    landlock_create_ruleset landlock_add_rule landlock_restrict_self

    time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    uname sysinfo getrandom

    socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt
    setsockopt sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg
    """.split()  # noqa: SIM905 - a list of words reads better as one
)
"""Calls that are let through whatever their arguments: files, memory, processes, time, sockets."""


def profile() -> dict[str, Any]:
    """The list in the form that Docker and Podman read."""
    rules = [_rule(*sorted(ALLOWED))]
    rules.append(_rule("clone", index=0, op="SCMP_CMP_MASKED_EQ", value=NAMESPACE_FLAGS))
    rules.append(_refused("clone3", "io_setup", "io_uring_setup", errno=_NOT_THERE))
    rules.append(_rule("fallocate", index=1, op="SCMP_CMP_EQ", value=0))
    other_modes = _rule("fallocate", index=1, op="SCMP_CMP_NE", value=0)
    rules.append(other_modes | _refused("fallocate", errno=_NOT_SUPPORTED))
    rules.append(_refused("setxattr", "lsetxattr", "fsetxattr", errno=_NOT_SUPPORTED))
    for known in PERSONALITIES.values():
        rules.append(_rule("personality", index=0, op="SCMP_CMP_EQ", value=known))
    for family in SOCKET_FAMILIES.values():
        rules.append(_rule("socket", index=0, op="SCMP_CMP_EQ", value=family))
    # A rule lets through and none takes back: whatever differs from that type in one bit may pass.
    for bit in range(8):
        mask = 1 << (8 + bit)
        other = mask & ~(IOCTLS_OF_FILE_SYSTEMS << 8)
        rules.append(_rule("ioctl", index=1, op="SCMP_CMP_MASKED_EQ", value=mask, second=other))
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,  # EPERM
        "archMap": [{"architecture": name, "subArchitectures": []} for name in ARCHITECTURES],
        "syscalls": rules,
    }


@cache
def profile_text() -> str:
    """The profile as JSON."""
    return json.dumps(profile(), separators=(",", ":"))


def profile_file(folder: Path) -> Path:
    """Write the profile into ``folder`` where it is not there yet, and return its path."""
    path = folder / "seccomp.json"
    content = profile_text().encode()
    if not path.is_file() or path.read_bytes() != content:
        write_bytes(path, content)
    return path


def _refused(*names: str, errno: int) -> dict[str, Any]:
    """Refuse calls with another error than that they are forbidden."""
    return {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": errno}


def _rule(
    *names: str, index: int | None = None, op: str = "", value: int = 0, second: int = 0
) -> dict[str, Any]:
    """Let calls through, where the argument ``index`` compares so, if one is named."""
    condition = {"index": index, "value": value, "valueTwo": second, "op": op}
    return {
        "names": list(names),
        "action": "SCMP_ACT_ALLOW",
        "args": [] if index is None else [condition],
    }
