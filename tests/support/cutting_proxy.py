"""A proxy between a client and a service that breaks connections where a test says so."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

Way = Literal["reset", "close", "hold"]


class Cutting:
    """Forwards to ``port``; connection number n is broken after ``cuts[n]`` bytes of the client.

    ``reset`` breaks both sides with RST, ``close`` ends both in order, ``hold`` goes silent and
    keeps both open. Connections behind the last cut are not broken.
    """

    def __init__(self, port: int, cuts: Sequence[int], way: Way) -> None:
        self._target = port
        self._cuts = iter(cuts)
        self._way = way
        self._held: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.n_cut = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def end(self) -> None:
        """Close everything."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._threads[0].join()
        for held in self._held:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                target = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._held += [client, target]
            for work in (self._forward, self._answer):
                thread = threading.Thread(target=work, args=(client, target))
                self._threads.append(thread)
                thread.start()

    def _forward(self, client: socket.socket, target: socket.socket) -> None:
        left: int | None = None
        with suppress(OSError):
            while piece := client.recv(65536):
                if left is None and b"PATCH " in piece[:8]:
                    left = next(self._cuts, -1)
                if left is not None and 0 <= left < len(piece):
                    target.sendall(piece[:left])
                    self.n_cut += 1
                    self._break(client, target)
                    return
                target.sendall(piece)
                if left is not None and left >= 0:
                    left -= len(piece)
            target.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := target.recv(65536):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)

    def _break(self, client: socket.socket, target: socket.socket) -> None:
        if self._way == "hold":
            return
        for each in (client, target):
            if self._way == "reset":
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD if self._way == "reset" else socket.SHUT_RDWR)
            if self._way == "reset":
                each.close()


@contextmanager
def cutting(port: int, cuts: Sequence[int], way: Way = "reset") -> Iterator[Cutting]:
    """A proxy to a port of this machine, until the block ends."""
    proxy = Cutting(port, cuts, way)
    try:
        yield proxy
    finally:
        proxy.end()
