"""Keys and signatures by OpenSSL's own command, beside which ours must stand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run OpenSSL; it may fail."""
    if shutil.which("openssl") is None:
        pytest.skip("no OpenSSL on this machine: install the package openssl")
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, check=False, timeout=60
    )


def key_pair(folder: Path, algorithm: str = "ED25519") -> tuple[Path, Path]:
    """A private and a public key, made by OpenSSL."""
    private, public = folder / f"{algorithm}.pem", folder / f"{algorithm}.pub"
    made = openssl("genpkey", "-algorithm", algorithm, "-out", private)
    assert made.returncode == 0, made.stderr
    assert openssl("pkey", "-in", private, "-pubout", "-out", public).returncode == 0
    return private, public


def sign(private: Path, message: bytes, folder: Path) -> bytes:
    """What OpenSSL signs."""
    file, signature = folder / "message", folder / "signature"
    file.write_bytes(message)
    arguments = ("-inkey", private, "-rawin", "-in", file, "-out", signature)
    assert openssl("pkeyutl", "-sign", *arguments).returncode == 0
    return signature.read_bytes()


def verifies(public: Path, message: Path, signature: Path) -> bool:
    """Whether OpenSSL takes a signature of a file."""
    key = ("-pubin", "-inkey", public)
    files = ("-rawin", "-in", message, "-sigfile", signature)
    return openssl("pkeyutl", "-verify", *key, *files).returncode == 0
