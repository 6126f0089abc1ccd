"""Every threat of the contract as a program, with how its run must end.

A program prints BREACH and what it got where it gets something. One that is expected to end well
answers every case, so that the run shows that the attack, and nothing else, was in vain.
"""

from __future__ import annotations

from dataclasses import dataclass

from submissions.contract import Contract
from submissions.submission import Failure
from tests.support.engine import DOCKERFILE

MILD = Contract(
    start_seconds=60, case_seconds=0, memory_mb=128, tmp_mb=16, shm_mb=8, pids=32, output_bytes=4096
)
SHORT = Contract(start_seconds=2, case_seconds=0, memory_mb=128, tmp_mb=16, shm_mb=8, pids=32)

PRELUDE = '''
import csv, ctypes, os, signal, socket, stat, struct, sys, time
got = []
def breach(*what): got.append(what); print("BREACH", *what, flush=True)
def attempt(name, act):
    """An act that must fail."""
    try: result = act()
    except (OSError, ValueError, RuntimeError) as error: return error
    breach(name, result)
def case_ids(): return [row["case_id"] for row in csv.DictReader(open("/input/cases.csv"))]
def answer(value="0.5"):
    if got: sys.exit(99)  # even if the log is lost
    with open("/output/predictions.csv", "w") as file:
        file.write("case_id,probability\\n")
        for case_id in case_ids(): file.write(f"{case_id},{value}\\n")
def send(what, host, port):
    """A datagram that leaves the container got through, answered or not."""
    sent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(what, (host, port))
    if host.startswith("127."): raise OSError("stays within")
    return sent
libc = ctypes.CDLL(None, use_errno=True)
def syscall(name, number, *arguments):
    if libc.syscall(number, *arguments) >= 0: breach("system call", name)
'''


@dataclass(frozen=True, slots=True)
class Attack:
    """A program, the image around it, and the end that it must come to."""

    name: str
    script: str
    expected: Failure | None = None
    contract: Contract = MILD
    dockerfile: str = DOCKERFILE
    extra: str = ""
    on_podman: Failure | None = None
    """How it ends there, where that is otherwise."""


def _in_vain(name: str, script: str, *, extra: str = "", contract: Contract = MILD) -> Attack:
    """Declare an attack that runs to its end, answers all cases and has got nothing."""
    return Attack(name, f"{PRELUDE}\n{script}\nanswer()\n", None, contract, extra=extra)


def _fails(
    name: str, script: str, expected: Failure, *, contract: Contract = MILD, extra: str = ""
) -> Attack:
    return Attack(name, f"{PRELUDE}\n{script}\n", expected, contract, extra=extra)


def _writes(name: str, content: bytes, expected: Failure) -> Attack:
    """Declare a container that ends well and leaves ``content`` as its predictions."""
    script = f"open('/output/predictions.csv', 'wb').write({content!r})"
    return Attack(f"predictions: {name}", script, expected)


def _rows(value: str) -> bytes:
    """Answer four cases of five well, and the last with ``value``."""
    good = "".join(f"case{index},0.5\n" for index in range(4))
    return f"case_id,probability\n{good}case4,{value}\n".encode()


NETWORK = (
    _in_vain(
        "network: reach the host and the metadata service",
        """
for host in @HOSTS@:
    for port in (@PORT@, 80, 443, 2375):
        attempt(f"tcp {host}:{port}", lambda: socket.create_connection((host, port), timeout=0.2))
    attempt(f"udp {host}", lambda: send(b"x", host, @PORT@))
if os.listdir("/sys/class/net") != ["lo"]: breach("interfaces", os.listdir("/sys/class/net"))
""",
    ),
    _in_vain(
        "network: resolve a name",
        """
attempt("resolve", lambda: socket.getaddrinfo("example.org", 80))
query = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7example\\3org\\0\\0\\1\\0\\1"
for server in ("127.0.0.11", "8.8.8.8", "1.1.1.1", *@HOSTS@):
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); asker.settimeout(0.1)
    attempt(f"dns {server}", lambda: send(query, server, 53))
    def ask(): asker.sendto(query, (server, 53)); return asker.recv(512)
    attempt(f"dns answer of {server}", ask)
""",
    ),
    _in_vain(
        "network: the engine's socket, abstract sockets and raw packets",
        """
for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock",
             "/run/containerd/containerd.sock"):
    attempt(path, lambda: socket.socket(socket.AF_UNIX).connect(path))
for name in open("/proc/net/unix").read().splitlines()[1:]:
    breach("unix socket", name)
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).connect((2, 1024)))
""",
    ),
)

FILES = (
    _in_vain(
        "files: look for labels and for other runs everywhere",
        """
marker = "@REVERSED@"[::-1].encode()
for folder, folders, files in os.walk("/"):
    if folder in ("/proc", "/sys", "/usr"): folders[:] = []; continue
    for name in files:
        path = os.path.join(folder, name)
        if not stat.S_ISREG(os.lstat(path).st_mode): continue
        try: content = open(path, "rb").read(1 << 22)
        except OSError: continue
        if marker in content: breach("label bytes in", path)
for path in ("/proc/1/environ", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/cmdline"):
    if marker in open(path, "rb").read(): breach("label bytes in", path)
if sorted(os.listdir("/input")) != ["cases.csv", "images"]: breach(os.listdir("/input"))
if sorted(os.listdir("/input/images")) != sorted(case_ids()): breach(os.listdir("/input/images"))
if os.listdir("/output") != ["predictions.csv"]: breach(os.listdir("/output"))
times = {os.stat(os.path.join(folder, name)).st_mtime
         for folder, folders, files in os.walk("/input") for name in folders + files}
if len(times) != 1: breach("modification times differ", times)
""",
    ),
    _in_vain(
        "files: write anywhere else",
        """
for folder, folders, files in os.walk("/"):
    if folder in ("/tmp", "/dev/shm", "/dev/mqueue") or folder.startswith("/proc/"):
        folders[:] = []; continue
    attempt(f"create in {folder}", lambda: open(folder + "/x", "w"))
    if folder.startswith("/sys"): folders[:] = []
for folder, folders, files in os.walk("/input"):
    for name in files + folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path): attempt(f"write {path}", lambda: open(path, "r+b"))
        attempt(f"chmod {path}", lambda: os.chmod(path, 0o777))
        attempt(f"rename {path}", lambda: os.rename(path, path + "x"))
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger",
             "/etc/passwd", "/etc/hosts", "/app/predict.py", "/proc/1/oom_score_adj"):
    attempt(f"write {path}", lambda: open(path, "wb", buffering=0).write(b"-1"))
for entry in os.scandir("/sys/fs/cgroup"):
    if entry.is_dir(): attempt(entry.path, lambda: os.mkdir(entry.path + "/x"))
attempt("remount", lambda: 1 / 0 if libc.mount(b"none", b"/", None, 32 | 4096, None) == 0
        else (_ for _ in ()).throw(OSError()))
""",
    ),
    *(
        _in_vain(
            f"output: a {kind} in the place of predictions.csv",
            f"""
path = "/output/predictions.csv"
attempt("unlink", lambda: os.unlink(path))
attempt("rename", lambda: os.rename(path, "/output/other"))
{make}
attempt("replace", lambda: os.replace("/tmp/made", path))
attempt("link beside", lambda: os.link(path, "/tmp/link"))
attempt("chmod", lambda: os.chmod(path, 0o777))
attempt("chown", lambda: os.chown(path, 0, 0))
attempt("unlink the folder", lambda: os.rename("/output", "/out"))
""",
        )
        for kind, make in (
            ("symlink", 'os.symlink("/etc/passwd", "/tmp/made")'),
            ("hard link", 'open("/tmp/made", "w").close()'),
            ("fifo", 'os.mkfifo("/tmp/made")'),
            ("socket", 'socket.socket(socket.AF_UNIX).bind("/tmp/made")'),
            ("directory", 'os.mkdir("/tmp/made")'),
        )
    ),
    _in_vain(
        "output: a device in the place of predictions.csv",
        """
for kind in (stat.S_IFCHR, stat.S_IFBLK):
    attempt("mknod", lambda: os.mknod("/tmp/made", kind | 0o666, os.makedev(1, 3)))
""",
    ),
    Attack(
        "output: the image makes predictions.csv a directory",
        "",
        Failure.START_FAILED,
        extra="RUN mkdir -p /output/predictions.csv\n",
    ),
    _in_vain(
        "output: the image makes /output a link to /etc",
        "attempt('write /etc/x', lambda: open('/etc/x', 'w'))",
        extra="RUN ln -s /etc /output\n",
    ),
    _in_vain(
        "output: the image makes predictions.csv a link out of itself",
        "attempt('write /etc/x', lambda: open('/etc/x', 'w'))",
        extra="RUN mkdir /output && ln -s ../../../../../../etc/shadow /output/predictions.csv\n",
    ),
    _in_vain(
        "files: an image full of world-writable folders",
        """
for folder in ("/open", "/output", "/input", "/app", "/open/deep"):
    attempt(folder, lambda: open(folder + "/x", "w"))
""",
        extra="RUN mkdir -p /open/deep /output && chmod -R 777 /open /output /app\n",
    ),
)

RESOURCES = (
    _fails(
        "disk: fill the output",
        """
file = open("/output/predictions.csv", "wb", buffering=0)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    while True: file.write(b"x" * 65536)
except OSError as error: print(error)
if os.stat("/output/predictions.csv").st_size > 16 << 20: breach("wrote", file.tell())
""",
        Failure.PREDICTIONS_MALFORMED,
    ),
    _fails(
        "disk: a sparse output of a terabyte",
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
attempt("truncate", lambda: os.truncate("/output/predictions.csv", 1 << 40))
attempt("allocate", lambda: os.posix_fallocate(
    os.open("/output/predictions.csv", os.O_WRONLY), 0, 1 << 30))
""",
        Failure.NO_PREDICTIONS,
    ),
    _in_vain(
        "disk: blocks beyond the end of the output",
        """
libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
output = os.open("/output/predictions.csv", os.O_RDWR)
for mode in (1, 1 | 2, 1 | 16):  # keep the size, punch a hole, make it zero: linux/falloc.h
    if libc.fallocate(output, mode, 0, 256 << 20) == 0: breach("allocated in mode", mode)
for request in (0x40305828, 0x4030582A, 0x40305839):  # FS_IOC_RESVSP and its like
    space = struct.pack("hhqqiI4i", 0, 0, 0, 256 << 20, 0, 0, 0, 0, 0, 0)
    for high in (0, 1 << 32):
        if libc.syscall(16, output, ctypes.c_ulong(request | high), space) == 0:
            breach("reserved by", hex(request | high))
for name in range(3):
    attempt("xattr", lambda: os.setxattr(output, f"user.{name}", b"x" * 1000))
if os.fstat(output).st_blocks: breach("holds", os.fstat(output).st_blocks, "blocks")
libc.fallocate(output, 0, 0, 2)  # within the limit and the file it may
if os.fstat(output).st_size != 2: breach("an ordinary call fails: the attack did not work")
os.ftruncate(output, 0)
""",
    ),
    _in_vain(
        "disk: fill /tmp and /dev/shm",
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for folder, limit in (("/tmp", 16), ("/dev/shm", 8)):
    written = 0
    try:
        for index in range(64):
            with open(f"{folder}/{index}", "wb", buffering=0) as file:
                written += file.write(b"x" * (1 << 20))
    except OSError: pass
    if written > limit << 20: breach(folder, "took", written)
    if not written: breach(folder, "took nothing: the attack did not work")
    for name in os.listdir(folder): os.unlink(f"{folder}/{name}")
""",
    ),
    _fails(
        "disk: a million files in /tmp",
        """
for index in range(1_000_000):
    try: os.mknod(f"/tmp/{index}")
    except OSError: break
""",
        Failure.OUT_OF_MEMORY,
        contract=Contract(start_seconds=60, case_seconds=0, memory_mb=32, tmp_mb=16, pids=32),
    ),
    _in_vain(
        "disk: flood the log",
        """
for _ in range(400): os.write(1, b"x" * 65535 + b"\\n")
for _ in range(50_000): os.write(2, b"y\\n")
""",
    ),
    Attack("disk: a declared VOLUME", "", Failure.IMAGE_INVALID, extra="VOLUME /data\n"),
    _in_vain(
        "processes: fork bomb",
        """
children = []
try:
    while len(children) < 1000:
        child = os.fork()
        if not child: time.sleep(60); os._exit(0)
        children.append(child)
except OSError: pass
if len(children) >= 32: breach("forked", len(children))
for child in children: os.kill(child, signal.SIGKILL)
for child in children: os.waitpid(child, 0)
""",
    ),
    _fails(
        "processes: a fork bomb that never ends",
        """
while True:
    try: os.fork()
    except OSError: pass
""",
        Failure.TIMED_OUT,
        contract=SHORT,
    ),
    _in_vain(
        "processes: children that stay behind",
        """
for _ in range(5):
    if not os.fork():
        os.setsid()
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        time.sleep(0.5)
        while True:
            with open("/output/predictions.csv", "a") as file: file.write("late,1\\n")
            time.sleep(0.01)
""",
    ),
    _in_vain(
        "processes: see or end those of the host",
        """
seen = [name for name in os.listdir("/proc") if name.isdigit()]
if seen != ["1"]: breach("processes", seen)
for pid in range(2, 3000): attempt(f"kill {pid}", lambda: os.kill(pid, 0))
""",
    ),
    _fails(
        "memory: take all",
        "held = []\nwhile True: held.append(bytearray(b'x') * (8 << 20))",
        Failure.OUT_OF_MEMORY,
    ),
    _fails(
        "memory: take all through /dev/shm and /tmp mappings",
        """
import mmap
held = []
while True:
    held.append(mmap.mmap(-1, 8 << 20)); held[-1].write(b"x" * (8 << 20))
""",
        Failure.OUT_OF_MEMORY,
    ),
    _fails("time: sleep for ever", "time.sleep(1e6)", Failure.TIMED_OUT, contract=SHORT),
    _fails(
        "time: ignore every signal",
        """
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: time.sleep(1)
""",
        Failure.TIMED_OUT,
        contract=SHORT,
    ),
    _fails("time: spin", "while True: pass", Failure.TIMED_OUT, contract=SHORT),
    _fails(
        "time: answer, then stay",
        "answer(); time.sleep(1e6)",
        Failure.TIMED_OUT,
        contract=SHORT,
    ),
    _fails(
        "time: end as if killed, for a second try that goes on from the first",
        """
path = "/output/predictions.csv"
if os.path.getsize(path) or os.listxattr(path): breach("an earlier try left something")
answer()
try: os.setxattr(path, "user.kept", b"half-way")
except OSError: pass
sys.exit(137)
""",
        Failure.OUT_OF_MEMORY,
    ),
    _fails(
        "time: end as if killed, for the time of a second try",
        "time.sleep(2.5); sys.exit(137)",
        Failure.TIMED_OUT,
        contract=Contract(start_seconds=4, case_seconds=0, memory_mb=128, tmp_mb=16, pids=32),
    ),
)

PRIVILEGES = (
    _in_vain(
        "privileges: setuid programs",
        """
import subprocess
for program in ("/app/root", "/app/group"):
    said = subprocess.run([program, "-c", "import os; print(os.geteuid(), os.getegid())"],
                          capture_output=True, text=True).stdout.split()
    if said != [str(os.getuid()), str(os.getgid())]: breach(program, said)
if os.getuid() < 1000: breach("runs as", os.getuid())
for act in (os.setuid, os.setgid, os.seteuid): attempt(act.__name__, lambda: act(0))
attempt("setgroups", lambda: os.setgroups([0]))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("nice", lambda: os.nice(-5))
""",
        extra="USER 0:0\n"
        "RUN cp $(readlink -f $(command -v python3)) /app/root && cp /app/root /app/group"
        " && chmod 4755 /app/root && chmod 2755 /app/group\n",
    ),
    _in_vain(
        "privileges: capabilities, user namespaces and the kernel's rarer doors",
        """
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines()
              if ":\\t" in line)
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    if int(status[name], 16): breach(name, status[name])
if status["NoNewPrivs"] != "1": breach("may gain privileges")
if status["Seccomp"] != "2": breach("no seccomp filter")
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("net", 0x40000000)):
    if libc.unshare(flag) == 0: breach("unshared", name)
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: breach("mounted")
syscall("bpf", 321, 0, 0, 0)
syscall("perf_event_open", 298, 0, 0, -1, -1, 0)
syscall("keyctl", 250, 0, -3, 1)
syscall("add_key", 248, b"user", b"x", b"y", 1, -3)
syscall("kexec_load", 246, 0, 0, 0, 0)
syscall("init_module", 175, 0, 0, b"")
syscall("open_by_handle_at", 304, 3, 0, 0)
syscall("userfaultfd", 323, 0)
syscall("io_uring_setup", 425, 1, ctypes.create_string_buffer(120))
syscall("ptrace", 101, 0, 0, 0, 0)
syscall("process_vm_readv", 310, os.getpid(), 0, 0, 0, 0, 0)
syscall("name_to_handle_at", 303, -100, b"/", ctypes.create_string_buffer(128), 0, 0)
syscall("memfd_secret", 447, 0)
syscall("personality", 135, 0x0040000)  # the same addresses each time
for family in (38, 17, 40):  # the kernel's ciphers, packets, virtual machines
    attempt(f"socket family {family}", lambda: socket.socket(family, socket.SOCK_SEQPACKET))
if libc.syscall(435, None, 0) == 0 or ctypes.get_errno() != 38: breach("clone3 is there")
syscall("setns", 308, 3, 0)
syscall("reboot", 169, 0xfee1dead, 672274793, 0x89abcdef)
""",
    ),
    _in_vain(
        "privileges: devices and settings of the host",
        """
for name in os.listdir("/dev"):
    if stat.S_ISBLK(os.stat("/dev/" + name).st_mode if os.path.exists("/dev/" + name) else 0):
        breach("block device", name)
for path in ("/dev/kmsg", "/dev/mem", "/dev/kvm", "/dev/fuse", "/proc/kcore", "/proc/kallsyms"):
    if os.path.exists(path) and path != "/proc/kallsyms":
        attempt(path, lambda: open(path, "rb").read(1) or (_ for _ in ()).throw(OSError()))
allowed = {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "OMP_NUM_THREADS",
           "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
           "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "ORT_INTRA_OP_NUM_THREADS",
           "ORT_INTER_OP_NUM_THREADS", "ORT_DISABLE_TELEMETRY", "HOSTNAME",
           "PYTHON_VERSION", "PYTHON_SHA256", "GPG_KEY", "PYTHON_SETUPTOOLS_VERSION",
           "PYTHON_PIP_VERSION", "PYTHON_GET_PIP_URL", "PYTHON_GET_PIP_SHA256", "LC_CTYPE",
           "container", "TERM", "NVIDIA_VISIBLE_DEVICES"}
if set(os.environ) - allowed: breach("environment", set(os.environ) - allowed)
""",
    ),
)

IMAGES = (
    # An image that Podman builds loses its triggers, and so is one without.
    Attack(
        "image: ONBUILD",
        "",
        Failure.IMAGE_INVALID,
        extra="ONBUILD RUN true\n",
        on_podman=Failure.NO_PREDICTIONS,
    ),
    Attack(
        "image: neither ENTRYPOINT nor CMD",
        "",
        Failure.IMAGE_INVALID,
        extra="ENTRYPOINT []\nCMD []\n",
    ),
    Attack(
        "image: an ENTRYPOINT that is not there",
        "",
        Failure.START_FAILED,
        extra='ENTRYPOINT ["/no/such/program"]\n',
    ),
    Attack(
        "image: an ENTRYPOINT that is not a program",
        "",
        Failure.START_FAILED,
        extra='ENTRYPOINT ["/etc/hostname"]\n',
    ),
    Attack(
        "image: a working directory that leads out through a descriptor",
        """
import os, sys
print("BREACH", os.listdir("../../../.."), flush=True)
""",
        Failure.START_FAILED,
        extra="RUN ln -s /proc/self/fd/8 /out\nWORKDIR /out\n",
    ),
    Attack(
        "image: a STOPSIGNAL that stops nothing",
        "import time\nwhile True: time.sleep(1)\n",
        Failure.TIMED_OUT,
        SHORT,
        extra="STOPSIGNAL SIGWINCH\n",
    ),
    _in_vain(
        "image: a HEALTHCHECK of its own",
        """
time.sleep(4)
if os.path.exists("/tmp/checked"): breach("the health check ran")
""",
        extra="HEALTHCHECK --interval=1s CMD touch /tmp/checked\n",
    ),
    _in_vain(
        "image: USER root and an environment of its own",
        """
if os.getuid() == 0: breach("is root")
if os.environ.get("HOME") != "/tmp": breach("HOME", os.environ.get("HOME"))
""",
        extra="USER root\nENV HOME=/root\nWORKDIR /root\nWORKDIR /\n",
    ),
    _in_vain(
        "image: an ENV that asks for every GPU",
        """
asked = os.environ.get("NVIDIA_VISIBLE_DEVICES")
if asked != "void": breach("NVIDIA_VISIBLE_DEVICES", asked)
""",
        extra="ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=all\n",
    ),
    Attack(
        "image: a library loaded into every program, those of the host too",
        "",
        Failure.IMAGE_INVALID,
        extra="ENV LD_PRELOAD=/proc/self/cwd/evil.so\n",
    ),
    _fails("ends: a non-zero exit code", "answer(); sys.exit(3)", Failure.CRASHED),
    _fails("ends: kills itself", "os.kill(os.getpid(), 9); os.abort()", Failure.CRASHED),
    _fails("ends: writes nothing", "", Failure.NO_PREDICTIONS),
)

OUTPUTS = (
    _writes("NaN", _rows("nan"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("infinity", _rows("inf"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("1e999", _rows("1e999"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("a hexadecimal float", _rows("0x1p-1"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("an underscore", _rows("0.1_0"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("Unicode digits", _rows("\u0661"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("a formula", _rows("=1+1"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes(
        "a formula as case", b"case_id,probability\n=cmd,0.5\n", Failure.PREDICTIONS_UNKNOWN_CASE
    ),
    _writes("above one", _rows("1.1"), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("an empty cell", _rows(""), Failure.PREDICTIONS_OUT_OF_RANGE),
    _writes("a NUL byte", _rows("0.5\0"), Failure.PREDICTIONS_MALFORMED),
    _writes("a BOM", b"\xef\xbb\xbf" + _rows("0.5"), Failure.PREDICTIONS_MALFORMED),
    _writes("Latin-1", _rows("0.5").replace(b"case4", b"c\xe9"), Failure.PREDICTIONS_MALFORMED),
    _writes(
        "a quoted newline",
        _rows("0.5").replace(b"case4", b'"ca\nse4"'),
        Failure.PREDICTIONS_MALFORMED,
    ),
    _writes("a header twice", b"case_id,case_id\n", Failure.PREDICTIONS_MALFORMED),
    _writes("no header", _rows("0.5").split(b"\n", 1)[1], Failure.PREDICTIONS_MALFORMED),
    _writes("one huge line", b"0" * 4000, Failure.PREDICTIONS_MALFORMED),
    _writes("a column too many", _rows("0.5,0.5"), Failure.PREDICTIONS_MALFORMED),
    _writes(
        "a case twice", _rows("0.5").replace(b"case4", b"case3"), Failure.PREDICTIONS_UNKNOWN_CASE
    ),
    _writes(
        "a case that was not given",
        _rows("0.5").replace(b"case4", b"case9"),
        Failure.PREDICTIONS_UNKNOWN_CASE,
    ),
    _writes(
        "a case left out", _rows("0.5").replace(b"case4,0.5\n", b""), Failure.PREDICTIONS_INCOMPLETE
    ),
    _writes("a pickle", b"\x80\x04\x95cposix\nsystem\n.", Failure.PREDICTIONS_MALFORMED),
)

ATTACKS = (*NETWORK, *FILES, *RESOURCES, *PRIVILEGES, *IMAGES, *OUTPUTS)
