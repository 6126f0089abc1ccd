"""The socket of the pages answers at once, as the event loop takes its connections."""

from __future__ import annotations

import asyncio
import socket

import pytest

from evaluator.serving.listening import PortUnavailable, listening


def test_no_answer_waits_for_the_reader_to_acknowledge_its_first_part() -> None:
    set_on: list[int] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken: socket.socket = writer.get_extra_info("socket")
        set_on.append(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await writer.wait_closed()

    async def ask(taken: socket.socket) -> None:
        async with await asyncio.start_server(answer, sock=taken):
            host, port = taken.getsockname()[:2]
            reader, writer = await asyncio.open_connection(host, port)
            await reader.read()
            writer.close()
            await writer.wait_closed()

    with listening("127.0.0.1", 0) as (taken, address):
        assert address == f"http://127.0.0.1:{taken.getsockname()[1]}"
        asyncio.run(ask(taken))
    assert [bool(each) for each in set_on] == [True]


def test_a_port_that_is_taken_is_told_in_one_sentence() -> None:
    with listening("127.0.0.1", 0) as (taken, _):
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortUnavailable, match=f"port {port} of 127.0.0.1 is taken"),
            listening("127.0.0.1", port),
        ):
            pass
