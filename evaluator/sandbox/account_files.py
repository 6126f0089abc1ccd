"""Looks at files of an image that the engine itself reads, before anything of it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from docker import DockerClient
from docker.errors import APIError
from docker.utils import decode_json_header

from evaluator.sandbox.connection import API_SECONDS, Connection, our_fault
from evaluator.sandbox.containers import RUN_LABEL, Containers
from evaluator.sandbox.exit_cause import printable
from evaluator.sandbox.images import Images
from evaluator.sandbox.staging import own_folder, remove_leftovers
from submissions.host.base_image import cache
from submissions.submission import ContractBroken, Failure

ACCOUNTS_BYTES = 1 << 20
ODD_FILE = 0x8F28_0000
"""Bits of Go's os.ModeType, as the engine tells them: whatever is no regular file."""
_PATH_STAT = "X-Docker-Container-Path-Stat"


def refuse_odd_accounts(
    connection: Connection, images: Images, containers: Containers, image_digest: str
) -> None:
    """Look at the files of accounts in an image, as a container would have them.

    To start a container the engine looks for the user in files of the image, outside of the
    container and of every limit: a named pipe in the place of one holds it up for ever. An
    image is what its digest says, so that one look is enough.

    Raises ContractBroken where one is no regular file of moderate size, or where the engine makes
    no container of the image; EngineUnavailable for the engine's fault.
    """
    api = connection.client.api
    scratch = cache() / "let-in"
    containers.remove_dead(scratch)
    remove_leftovers(scratch)
    with own_folder(scratch) as folder, our_fault("looking at the image's accounts"):
        label = {RUN_LABEL: str(folder.resolve())}
        try:
            container = api.create_container(images.id_of(image_digest), "-", labels=label)
        except APIError as error:
            if error.status_code == requests.codes.bad_request:
                message = printable(str(error.explanation or error))
                raise ContractBroken(Failure.START_FAILED, message) from error
            raise
        try:
            for path in ("/etc/passwd", "/etc/group"):
                _refuse_odd(connection.client, container["Id"], path)
        finally:
            containers.remove(container["Id"])


def _refuse_odd(client: DockerClient, container_id: str, path: str) -> None:
    """Refuse a file of a container that is none; the engine tells without reading it.

    The SDK only has the call that fetches the file as well, for which the engine starts a
    process and takes 40 times as long.
    """
    api = client.api
    answer = api.head(
        f"{api.base_url}/v{api.api_version}/containers/{container_id}/archive",
        params={"path": path},
        timeout=API_SECONDS,
    )
    if answer.status_code == requests.codes.not_found:
        return
    answer.raise_for_status()
    status: Mapping[str, Any] = decode_json_header(answer.headers[_PATH_STAT])
    if int(status["mode"]) & ODD_FILE or int(status["size"]) > ACCOUNTS_BYTES:
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"{path} is no regular file of at most {ACCOUNTS_BYTES} bytes",
        )
