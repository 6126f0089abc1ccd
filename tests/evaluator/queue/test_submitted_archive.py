"""An archive of `docker save` goes where the name of an image goes."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from submissions.host.base_image import docker
from submissions.submission import State
from tests.attacks.archives import CONTRACT, Image, tar_of
from tests.support.engine import ImageBuilder
from tests.support.installation import Installed, one_sentence
from tests.support.programs import HONEST, READ
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine


def test_an_archive_is_checked_entered_and_run_as_its_image_would_be(
    installed: Installed, images: dict[str, str], sealed: Path, engine: Engine, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    engine.save(images["honest"], archive)
    open_list = ("--open", sealed.parent / "open.csv")
    checked = installed.command("check", archive, "--benchmark", BENCHMARK, *open_list)
    assert checked.code == 0, checked.complained
    assert "passed" in checked.printed
    submission = installed.submit(str(archive), "by archive")
    assert installed.ledger.submission(submission).image_digest == images["honest"]
    installed.run()
    assert installed.state(submission) is State.RELEASED


def test_a_check_that_is_passed_leaves_no_image_and_reads_where_it_may_not_write(
    installed: Installed, sealed: Path, engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    folder = archive.parent / "given"
    folder.mkdir()
    packed = folder / "image.tar.gz"
    packed.write_bytes(gzip.compress(archive.read_bytes(), 1))
    was = folder.stat().st_mtime_ns
    folder.chmod(0o555)
    before = {name for each in engine.client.api.images() for name in each["RepoTags"] or ()}
    open_list = ("--open", sealed.parent / "open.csv")
    checked = installed.command("check", packed, "--benchmark", BENCHMARK, *open_list)
    assert checked.code == 0, checked.complained
    assert "passed" in checked.printed
    assert not engine.has(digest)
    after = {name for each in engine.client.api.images() for name in each["RepoTags"] or ()}
    assert not {
        name for name in after - before if "sequestra/loaded" in name and digest[7:] in name
    }
    assert folder.stat().st_mtime_ns == was  # root may write there: nothing did
    folder.chmod(0o755)


def test_a_file_that_is_no_archive_is_refused_and_nothing_is_entered(
    installed: Installed, sealed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"not an archive" * 1000)
    who = ("--team", "A team", "--model", "A model")
    refused = one_sentence(installed.command("submit", file, "--benchmark", BENCHMARK, *who))
    assert "the archive is cut short or damaged" in refused
    assert installed.ledger.submissions() == []
    open_list = ("--open", sealed.parent / "open.csv")
    checked = installed.command("check", file, "--benchmark", BENCHMARK, *open_list)
    assert checked.code == 1
    assert "image-invalid" in checked.printed
    assert "the archive is cut short or damaged" in checked.printed


def test_a_named_pipe_in_the_place_of_the_accounts_never_holds_the_engine_up(
    installed: Installed, sealed: Path, engine: Engine, tmp_path: Path
) -> None:
    """Docker reads /etc/passwd as it starts a container, and would wait for the pipe for ever."""
    root = tmp_path / "root.tar"
    with tarfile.open(root, "w") as tar:
        for name, kind in (("etc", tarfile.DIRTYPE), ("etc/passwd", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o755
            tar.addfile(member)
    tag = "sequestra/test:pipe"
    assert docker("import", "--change", 'ENTRYPOINT ["/x"]', str(root), tag).returncode == 0
    who = ("--team", "A team", "--model", "A pipe")
    refused = one_sentence(installed.command("submit", tag, "--benchmark", BENCHMARK, *who))
    assert "/etc/passwd is no regular file" in refused
    assert [each.state for each in installed.ledger.submissions()] == [State.REJECTED]
    open_list = ("--open", sealed.parent / "open.csv")
    checked = installed.command("check", tag, "--benchmark", BENCHMARK, *open_list)
    assert checked.code == 1
    assert "/etc/passwd is no regular file" in checked.printed
    assert not engine.client.containers.list(all=True, filters={"ancestor": tag})


def test_a_refused_image_goes_again_unless_it_was_there(
    installed: Installed, sealed: Path, engine: Engine, tmp_path: Path
) -> None:
    pipe = tar_of({"etc/passwd": b""}, type=tarfile.FIFOTYPE)
    files = Image(layer=tar_of({"app": str(tmp_path).encode()})[:1024] + pipe).files()
    (config,) = (name for name in files if len(name) == 69)
    digest = f"sha256:{config.removesuffix('.json')}"
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar_of(files))
    who = ("--team", "A team", "--model", "A pipe")
    open_list = ("--open", sealed.parent / "open.csv")
    submit = ("submit", archive, "--benchmark", BENCHMARK, *who)
    check = ("check", archive, "--benchmark", BENCHMARK, *open_list)
    for command in (submit, check):
        assert "/etc/passwd is no regular file" in str(installed.command(*command))
        assert not engine.has(digest)
    assert not {each for each in engine.kept() if each.startswith("refused-")}
    assert engine.load(archive, CONTRACT) == digest
    for command in (submit, check):
        assert "/etc/passwd is no regular file" in str(installed.command(*command))
        assert engine.has(digest)
    docker("image", "rm", digest)
    assert [each.state for each in installed.ledger.submissions()] == [State.REJECTED] * 2


def test_an_unfit_name_is_refused_before_an_archive_is_loaded(
    installed: Installed, engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    who = ("--team", "A team", "--model", "A model\u3164")
    refused = one_sentence(installed.command("submit", archive, "--benchmark", BENCHMARK, *who))
    assert "has the invisible character U+1160; leave it out" in refused
    assert not engine.has(digest)


@pytest.fixture
def nameless(engine: Engine, image_of: ImageBuilder, tmp_path: Path) -> tuple[Path, str]:
    """An archive of an image that the engine does not have, and its digest."""
    digest = image_of(READ + HONEST + f"# {tmp_path}\n")
    archive = tmp_path / "image.tar"
    engine.save(digest, archive)
    docker("image", "rm", "--force", digest)
    assert not engine.has(digest)
    return archive, digest


def test_a_team_without_quota_cannot_fill_the_disk_with_archives(
    installed: Installed, images: dict[str, str], engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    for number in range(3):
        installed.submit(images["honest"], f"Number {number}")
    who = ("--team", "A team", "--model", "One too many")
    refused = one_sentence(installed.command("submit", archive, "--benchmark", BENCHMARK, *who))
    assert "has used its 3 submissions" in refused
    assert not engine.has(digest)


def test_images_of_submissions_that_ended_are_given_up_and_no_others(
    installed: Installed, images: dict[str, str], engine: Engine, nameless: tuple[Path, str]
) -> None:
    archive, digest = nameless
    ended = installed.submit(str(archive), "Ended")
    crashed = installed.submit(images["crashing"], "Crashed")
    installed.run()
    waits = installed.submit(str(images["other"]), "Waits")
    engine.save(digest, installed.enclave.image_archive(digest))
    assert {ended, crashed, waits} <= engine.kept()

    recent = installed.command("prune", "--days", "2")
    assert recent.code == 0, recent.complained
    assert "0 images given up" in recent.printed
    assert engine.has(digest)

    given_up = installed.command("prune", "--days", "0")
    assert given_up.code == 0, given_up.complained
    assert "2 images given up" in given_up.printed
    assert engine.kept().isdisjoint({ended, crashed})
    assert waits in engine.kept()
    assert not engine.has(digest)
    assert engine.has(images["crashing"])  # it has another name
    assert not installed.enclave.image_archive(digest).exists()
    assert "0 images given up" in installed.command("prune", "--days", "0").printed

    installed.run()  # what waited goes on, and what ended can be scored anew
    assert installed.state(waits) is State.RELEASED
    anew = installed.command("rescore", BENCHMARK)
    assert anew.code == 0, anew.complained
