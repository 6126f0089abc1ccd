"""The key of an enclave's sealed cohorts, and the keys derived from it."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import get_ident

KEY_VARIABLE = "SEQUESTRA_ENCLAVE_KEY"


class SealingKeyError(ValueError):
    """The enclave's key is missing, is no key, or lies open to others."""


def key_path(directory: Path) -> Path:
    """Where the key of a cohort's folder lies: beside it, or where the environment says."""
    configured = os.environ.get(KEY_VARIABLE)
    return Path(configured) if configured else directory.absolute().parent / "enclave.key"


def enclave_key(directory: Path, *, create: bool) -> bytes:
    """Read the key; ``create`` makes one where there is none.

    Raises SealingKeyError where it is missing, damaged or readable by others.
    """
    path = key_path(directory)
    if create and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made_once(path, secrets.token_hex(32).encode() + b"\n")
    try:
        text = path.read_text("ascii").strip()
        mode = stat.S_IMODE(path.stat().st_mode)
        key = bytes.fromhex(text)
    except FileNotFoundError:
        raise SealingKeyError(
            f"the enclave's key {path} is not there; put it back, or let {KEY_VARIABLE} name it"
        ) from None
    except ValueError:
        raise SealingKeyError(f"{path} is not a key: expected 64 hexadecimal digits") from None
    if len(key) != 32:
        raise SealingKeyError(f"{path} holds {len(key)} bytes; expected 32 (64 hexadecimal digits)")
    if mode & 0o077:
        raise SealingKeyError(
            f"{path} can be read by others (mode {mode:04o}); run chmod 600 on it"
        )
    return key


def opaque(key: bytes, purpose: str, text: str) -> str:
    """Sixteen hexadecimal digits that say nothing of ``text`` without the key."""
    return mac(key, purpose, text.encode())[:16]


def mac(key: bytes, purpose: str, message: bytes) -> str:
    """Seal a message for one purpose: 64 hexadecimal digits."""
    return hmac.new(key, purpose.encode() + b"\0" + message, sha256).hexdigest()


def derive(key: bytes, *purpose: str) -> bytes:
    """Derive a key of 32 bytes for one purpose."""
    return hmac.new(key, "\0".join(("derive", *purpose)).encode(), sha256).digest()


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, and flush it to disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def made_once(path: Path, content: bytes) -> None:
    """Make a private file where none is; of two that make it at once, one wins.

    It is linked into place, so that nobody reads half of it, and a kill leaves nothing behind where
    the file system has files without a name.
    """
    try:
        file = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, 0o600)
    except OSError:  # NFS has no such files
        draft = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
        draft.unlink(missing_ok=True)  # of a process that had this number and was killed
        write_private(draft, content)
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.write(file, content)
        os.fsync(file)
        with suppress(FileExistsError):
            # With the folder's number Python follows the link to the file that has no name yet.
            os.link(f"/proc/self/fd/{file}", path.name, dst_dir_fd=folder)
        os.fsync(folder)
    finally:
        os.close(file)
        os.close(folder)
