"""Clients' connections: framing, order and the way streams are served."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.simulator.trading import dollar_account

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.accounts import Accounts
from hybrid_bridge.simulator.answering import Answering
from hybrid_bridge.simulator.connections import Clients, PortClient, serve_streams
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.wire import Command

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Rig:
    def __init__(self) -> None:
        self.clients, self.faults = Clients(), FaultBoard()
        self.answering = Answering(Accounts(dollar_account().exchange), self.faults)


@pytest.fixture(params=["port", "streams"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Rig, Connect]]:
    rig = Rig()
    if request.param == "port":
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: PortClient(rig.clients, rig.answering), "127.0.0.1", 0)
    else:
        server = await asyncio.start_server(
            lambda reader, writer: serve_streams(rig.clients, rig.answering, reader, writer), "127.0.0.1", 0
        )
    writers = []

    async def open_one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writers.append(writer)
        return reader, writer

    yield rig, open_one
    rig.clients.hang_up()
    await asyncio.wait_for(rig.clients.gone(), 5)
    server.close()
    for writer in writers:
        writer.close()


async def receive(reader: asyncio.StreamReader) -> int:
    (size,) = struct.unpack("<I", await reader.readexactly(4))
    return wire.decode_reply(await reader.readexactly(size))[0]


async def test_requests_in_pieces_and_in_bulk_are_answered_in_order(connect: tuple[Rig, Connect]) -> None:
    _, open_one = connect
    reader, writer = await open_one()
    wanted = [Command.SYMBOLS_TOTAL, Command.POSITIONS_TOTAL, Command.ACCOUNT_INFO] * 40
    frames = b"".join(wire.encode_request(command) for command in wanted)
    for start in range(0, len(frames), 7):
        writer.write(frames[start : start + 7])
    assert wanted == [await receive(reader) for _ in wanted]


async def test_a_cut_reply_is_followed_by_the_end(connect: tuple[Rig, Connect]) -> None:
    rig, open_one = connect
    reader, writer = await open_one()
    rig.faults.add_text("lose_reply:command=any,cut=yes")
    writer.write(wire.encode_request(Command.POSITIONS_TOTAL))
    assert 6 == len(await reader.read())


async def test_all_clients_can_be_hung_up_on(connect: tuple[Rig, Connect]) -> None:
    rig, open_one = connect
    reader, writer = await open_one()
    writer.write(wire.encode_request(Command.POSITIONS_TOTAL))
    await receive(reader)
    assert 1 == len(rig.clients)
    rig.clients.hang_up()
    assert b"" == await reader.read()
    await asyncio.wait_for(rig.clients.gone(), 5)
    assert 0 == len(rig.clients)


async def test_a_client_far_ahead_of_its_answers_gets_them_all(connect: tuple[Rig, Connect]) -> None:
    _, open_one = connect
    reader, writer = await open_one()
    frame, count = wire.encode_request(Command.SYMBOLS_GET), 300

    async def send() -> None:
        for _ in range(count):
            writer.write(frame)
            # Far more than is read ahead, in one piece.
            writer.write(wire.encode_request(Command.POSITIONS_GET_SYMBOL, "X" * 29) * 40)
            await writer.drain()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(send())
        for _ in range(count):
            assert Command.SYMBOLS_GET == await receive(reader)
            for _ in range(40):
                assert Command.POSITIONS_GET_SYMBOL == await receive(reader)
