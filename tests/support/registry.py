"""A registry of one image on loopback, served over HTTP from what skopeo wrote."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Registry:
    """Where the registry is, the image that it has, and skopeo's settings to speak HTTP with it."""

    address: str
    digest: str
    settings: dict[str, str]

    @property
    def reference(self) -> str:
        return f"{self.address}/team/model@{self.digest}"


@contextmanager
def registry(archive: Path, folder: Path) -> Iterator[Registry]:
    """Serve the image of an archive; ``folder`` is for its blobs and skopeo's settings."""
    blobs = folder / "blobs"
    copy = ("skopeo", "--insecure-policy", "copy", "--quiet")
    subprocess.run([*copy, f"docker-archive:{archive}", f"dir:{blobs}"], check=True)
    manifest = (blobs / "manifest.json").read_bytes()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    kind = json.loads(manifest)["mediaType"]

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            name = self.path.rpartition("/")[2]
            if self.path == "/v2/":
                content, said = b"{}", "application/json"
            elif "/manifests/" in self.path and name == digest:
                content, said = manifest, kind
            elif "/blobs/" in self.path and (blobs / name.removeprefix("sha256:")).is_file():
                content = (blobs / name.removeprefix("sha256:")).read_bytes()
                said = "application/octet-stream"
            else:
                self._refuse()
                return
            self.send_response(200)
            self.send_header("Content-Type", said)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", name)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def _refuse(self) -> None:
            """As the distribution specification has it."""
            error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
            content = json.dumps({"errors": [error]}).encode()
            self.send_response(404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    address = f"127.0.0.1:{server.server_port}"
    conf = folder / ".config" / "containers" / "registries.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        settings = {"HOME": str(folder), "SEQUESTRA_REGISTRIES": address}
        yield Registry(address, digest, settings)
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
