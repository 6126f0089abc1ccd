"""A signed statement is verified as OpenSSL verifies it, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from submissions.signatures import (
    LONGEST_FILE,
    SignatureError,
    Signed,
    read_signed,
    stated,
)
from submissions.verifying_key import VerifyingKey, read_release
from tests.support.openssl import key_pair, openssl, sign, verifies
from tests.support.repository import REPOSITORY

CONTENT = {
    "format": "sequestra-release-1",
    "submission": "s1",
    "team": "Süd <b>\u2028",
    "document": {"auroc": 0.1, "n": 12, "low": 1e-300},
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def file(keys: tuple[Path, Path], tmp_path: Path) -> Path:
    """A release that OpenSSL signed, in the form of a file."""
    return written(tmp_path / "release.json", stated(CONTENT), keys)


def written(path: Path, statement: str, keys: tuple[Path, Path]) -> Path:
    private, public = keys
    signature = sign(private, f"{statement}\n".encode(), path.parent)
    key_id = VerifyingKey.read(public).key_id
    path.write_text(Signed(statement=statement, key_id=key_id, signature=signature).to_json())
    return path


def test_what_openssl_signed_is_verified(file: Path, keys: tuple[Path, Path]) -> None:
    assert read_release(file, VerifyingKey.read(keys[1])) == CONTENT


def test_the_file_is_json_and_its_second_line_is_what_is_signed(
    file: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    found = json.loads(file.read_text())
    assert found["statement"] == CONTENT
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 5
    (tmp_path / "statement").write_bytes(lines[1])
    (tmp_path / "bytes").write_bytes(base64.b64decode(found["signature"]))
    assert verifies(keys[1], tmp_path / "statement", tmp_path / "bytes")
    (tmp_path / "statement").write_bytes(lines[1].replace(b"s1", b"s2"))
    assert not verifies(keys[1], tmp_path / "statement", tmp_path / "bytes")


def test_the_documented_lines_of_a_shell_verify_a_file(
    file: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    page = (REPOSITORY / "docs" / "signatures.md").read_text()
    (script,) = re.findall(r"```sh\n(sed .*?)```", page, re.DOTALL)
    (tmp_path / "public.pem").write_bytes(keys[1].read_bytes())
    for changed, code in ((file.read_text(), 0), (file.read_text().replace("0.1", "0.9"), 1)):
        file.write_text(changed)
        ended = subprocess.run(
            ["sh", "-euc", script], cwd=tmp_path, capture_output=True, check=False, timeout=60
        )
        assert ended.returncode == code, ended.stderr


def test_a_key_is_known_by_the_digest_of_its_bytes(keys: tuple[Path, Path]) -> None:
    der = openssl("pkey", "-pubin", "-in", keys[1], "-outform", "DER").stdout
    key = VerifyingKey.read(keys[1])
    assert key.key_id == sha256(der[-32:]).hexdigest()
    assert key.pem == keys[1].read_text()
    assert VerifyingKey.of(key.raw).key_id == key.key_id


def test_a_file_that_a_program_wrote_again_is_still_verified(
    file: Path, keys: tuple[Path, Path]
) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()), indent=4, ensure_ascii=False))
    assert read_release(file, VerifyingKey.read(keys[1])) == CONTENT


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["statement"].update(team="North"),
        lambda found: found["statement"]["document"].update(auroc=0.2),
        lambda found: found["statement"].pop("submission"),
        lambda found: found["statement"].update(more=1),
        lambda found: found.update(signature=base64.b64encode(bytes(64)).decode()),
        lambda found: found.update(signature=base64.b64encode(b"short").decode()),
    ],
)
def test_every_change_of_a_file_is_found(
    file: Path, keys: tuple[Path, Path], change: Callable[[dict[str, object]], object]
) -> None:
    found = json.loads(file.read_text())
    change(found)
    file.write_text(json.dumps(found))
    with pytest.raises(SignatureError, match="is not what was signed"):
        read_release(file, VerifyingKey.read(keys[1]))


def test_a_statement_beside_the_signed_one_is_refused(file: Path, keys: tuple[Path, Path]) -> None:
    # A reader of JSON takes the last of two; one that takes the second line would verify the first.
    forged = file.read_text().rstrip().removesuffix("}") + ',"statement":{"team":"North"}}'
    assert json.loads(forged)["statement"] == {"team": "North"}
    file.write_text(forged)
    with pytest.raises(SignatureError, match="has a key twice"):
        read_release(file, VerifyingKey.read(keys[1]))


def test_another_s_signature_names_the_key_that_is_needed(
    file: Path, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    (tmp_path / "other").mkdir()
    _, other = key_pair(tmp_path / "other")
    ours = VerifyingKey.read(keys[1]).key_id[:16]
    with pytest.raises(SignatureError, match=f"signed by key {ours}, and the key given is"):
        read_release(file, VerifyingKey.read(other))


def test_a_head_is_no_release(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    head = stated({"format": "sequestra-head-1", "audit_number": 1, "digest": "0" * 64})
    file = written(tmp_path / "head.json", head, keys)
    with pytest.raises(SignatureError, match="no release"):
        read_release(file, VerifyingKey.read(keys[1]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"[]", "no signed statement"),
        (b"null", "no signed statement"),
        (b"{}", "it lacks 'statement'"),
        (b'{"statement": {}, "key_id": "x", "signature": ""}', "lacks 'format'"),
        (
            b'{"statement": {"format": "sequestra-head-1"}, "key_id": 1, "signature": ""}',
            "no signed",
        ),
        (b'{"statement": {"format": NaN}, "key_id": "x", "signature": ""}', "not JSON compliant"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_signed_statement_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with pytest.raises(SignatureError, match=said) as refused:
        read_signed(file)
    assert "`sequestra release-file`" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_statement_of_another_format_is_named(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    file = written(tmp_path / "file.json", stated({"format": "sequestra-release-2"}), keys)
    with pytest.raises(SignatureError, match=r"'sequestra-release-2'.*newer version"):
        read_signed(file)


def test_a_file_too_large_to_be_a_release_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    with file.open("wb") as stream:
        stream.truncate(LONGEST_FILE + 1)
    with pytest.raises(SignatureError, match="more than 50 MB"):
        read_signed(file)


def test_what_is_no_public_key_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    (tmp_path / "empty").touch()
    for path, said in (
        (tmp_path / "empty", "is no public key"),
        (keys[0], "holds a private key"),
        (key_pair(tmp_path, "X25519")[1], "another kind than Ed25519"),
    ):
        with pytest.raises(SignatureError, match=said):
            VerifyingKey.read(path)
