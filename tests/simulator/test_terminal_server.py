"""The simulated terminal's server with the real exchange and feed, spoken to frame by frame."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from tests.clock_ticks import CLOCK_STEPS_S

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.connections import frame_size
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.feed import FeedOptions, make_feed
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.terminal_server import (
    CLIENTS_MAX,
    TerminalServer,
    utc_now_msc,
)
from hybrid_bridge.simulator.wire import Command

OFFSET_S = 7200
SYMBOLS = tuple(catalogue_symbol(name) for name in ("EURUSD", "USDJPY"))
BUY = TradeRequest(action=1, symbol="EURUSD", volume=0.1, type=0, type_filling=1)


class Client:
    """A client that speaks frames and keeps nothing back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, command: Command, *parameters: Any) -> None:
        self.writer.write(wire.encode_request(command, *parameters))
        await self.writer.drain()

    async def receive(self) -> tuple[int, int, bytes]:
        (size,) = struct.unpack("<I", await self.reader.readexactly(4))
        return wire.decode_reply(await self.reader.readexactly(size))

    async def ask(self, command: Command, *parameters: Any) -> Any:
        """Ask, and give the reply's value, or its negative result."""
        await self.send(command, *parameters)
        number, result, data = await self.receive()
        assert command == number
        return wire.decode_reply_data(command, data) if result >= 0 else result


@dataclass
class Running:
    server: TerminalServer
    exchange: Exchange
    faults: FaultBoard
    clients: list[Client]

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection(*self.server.address))
        self.clients.append(client)
        return client

    def fault(self, spec: str) -> None:
        self.faults.add_text(spec)
        self.server.faults_changed()

    async def until_ticks(self, count: int) -> None:
        await until(lambda: self.server.ticks["EURUSD"] >= count)

    async def until_overdue(self) -> None:
        """Wait until the feed has ticks that should have come some time ago."""
        feed = self.server.feed
        await until(lambda: (feed.next_due_utc_msc() or 0) < utc_now_msc() - 50)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event for every condition
            await asyncio.sleep(0.005)


@pytest.fixture
async def terminal() -> AsyncIterator[Running]:
    names = tuple(spec.name for spec in SYMBOLS)
    config = ExchangeConfig(symbols=SYMBOLS, selected=names, utc_offset_s=OFFSET_S)
    feed = make_feed(
        FeedOptions(
            start_utc_msc=utc_now_msc(),
            utc_offset_s=OFFSET_S,
            symbols=SYMBOLS,
            ticks_per_second=dict.fromkeys(names, 200.0),
        )
    )
    faults = FaultBoard()
    exchange = Exchange(config)
    server = TerminalServer(exchange, feed, faults, utc_offset_s=OFFSET_S)
    await server.listen("127.0.0.1", 0)
    running = Running(server, exchange, faults, [])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        await running.until_ticks(1)
        yield running
        server.stop()
    for client in running.clients:
        client.writer.close()


async def test_the_handshake_is_answered_with_the_measured_bytes(terminal: Running) -> None:
    client = await terminal.connect()
    for request, reply in (
        (
            "18000000 04000000 03000000 06000000 500079007400680 06f006e00".replace(" ", ""),
            "0c000000 04000000 01000000 57180000",
        ),
        ("04000000 6d000000", "0c000000 6d000000 01000000 02000000"),
    ):
        client.writer.write(bytes.fromhex(request))
        expected = bytes.fromhex(reply)
        assert expected == await client.reader.readexactly(len(expected))


async def test_a_login_is_checked(terminal: Running) -> None:
    client = await terminal.connect()
    assert await client.ask(Command.LOGIN, 0, 10000001, "pw", "Simulator-Demo") is None
    assert await client.ask(Command.LOGIN, 0, 5, "pw", "Simulator-Demo") == -6


async def test_requests_of_one_client_are_answered_in_their_order(terminal: Running) -> None:
    client = await terminal.connect()
    terminal.fault("latency:ms=50")
    await client.send(Command.ORDER_SEND, BUY)
    await client.send(Command.POSITIONS_TOTAL)
    assert (await client.receive())[0] == Command.ORDER_SEND
    assert (await client.receive())[2] == struct.pack("<I", 1)


async def test_a_slow_order_delays_nobody_else(terminal: Running) -> None:
    trader, watcher = await terminal.connect(), await terminal.connect()
    terminal.fault("latency:ms=1500")
    started = time.monotonic()
    await trader.send(Command.ORDER_SEND, BUY)
    for _ in range(50):
        assert await watcher.ask(Command.POSITIONS_TOTAL) == 0
    assert time.monotonic() - started < 1.5
    assert (await trader.receive())[1] == 1
    assert time.monotonic() - started >= 1.5 - CLOCK_STEPS_S
    assert await watcher.ask(Command.POSITIONS_TOTAL) == 1


async def test_an_order_is_noted_when_it_arrives_and_not_when_it_is_done(terminal: Running) -> None:
    client = await terminal.connect()
    terminal.fault("latency:ms=200")
    before_ns = time.time_ns()
    await client.send(Command.ORDER_SEND, BUY._replace(magic=77, comment="c"))
    await client.receive()
    [arrival] = terminal.server.arrivals
    assert (77, "c") == (arrival.magic, arrival.comment)
    assert before_ns <= arrival.time_ns < time.time_ns() - 150_000_000


async def test_an_order_whose_client_leaves_is_carried_out_all_the_same(
    terminal: Running,
) -> None:
    trader, watcher = await terminal.connect(), await terminal.connect()
    terminal.fault("latency:ms=100")
    await trader.send(Command.ORDER_SEND, BUY)
    trader.writer.transport.abort()
    await until(lambda: len(terminal.exchange.positions()) == 1)
    assert await watcher.ask(Command.POSITIONS_TOTAL) == 1


async def test_malformed_requests_are_refused_and_the_connection_lives(terminal: Running) -> None:
    client = await terminal.connect()
    client.writer.write(struct.pack("<III", 8, Command.SYMBOL_INFO, 99))
    assert await client.receive() == (Command.SYMBOL_INFO, -2, b"")
    client.writer.write(struct.pack("<II", 4, 999))
    assert await client.receive() == (999, -7, b"")
    assert await client.ask(Command.SYMBOLS_TOTAL) == 2


@pytest.mark.parametrize("size", [0, 3, wire.MAX_REQUEST_BYTES + 1, 2**32 - 1])
def test_a_frame_of_an_absurd_size_is_no_request(size: int) -> None:
    with pytest.raises(wire.WireError, match=f"a request of {size} bytes, expected 4 to 16384"):
        frame_size(struct.pack("<I", size))


async def test_a_client_that_does_not_speak_the_protocol_is_closed(terminal: Running) -> None:
    stranger, client = await terminal.connect(), await terminal.connect()
    stranger.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await stranger.reader.read() == b""
    assert await client.ask(Command.SYMBOLS_TOTAL) == 2


async def test_no_more_clients_than_the_limit_are_served(terminal: Running) -> None:
    clients = [await terminal.connect() for _ in range(CLIENTS_MAX)]
    for client in clients:
        assert await client.ask(Command.POSITIONS_TOTAL) == 0
    one_too_many = await terminal.connect()
    assert await one_too_many.reader.read() == b""
    assert terminal.server.clients == CLIENTS_MAX


async def test_every_tick_of_the_feed_reaches_the_client_once(terminal: Running) -> None:
    client = await terminal.connect()
    await terminal.until_ticks(100)
    terminal.fault("freeze_ticks")
    generated = terminal.server.ticks["EURUSD"]
    rows = await client.ask(Command.COPY_TICKS_FROM, "EURUSD", 0, 100_000, -1)
    assert generated == len(rows) // 60
    assert generated == terminal.server.feed.generated["EURUSD"]


async def test_ticks_bear_the_trade_servers_wall_clock(terminal: Running) -> None:
    client = await terminal.connect()
    tick = await client.ask(Command.SYMBOL_INFO_TICK, "EURUSD")
    assert abs(tick.time_msc - utc_now_msc() - OFFSET_S * 1000) < 2000


@pytest.mark.parametrize("switch", ["freeze_ticks", "link_down"])
async def test_frozen_ticks_come_later_and_none_is_lost(terminal: Running, switch: str) -> None:
    client = await terminal.connect()
    terminal.fault(switch)
    frozen = await client.ask(Command.SYMBOL_INFO_TICK, "EURUSD")
    generated = terminal.server.ticks["EURUSD"]
    await terminal.until_overdue()
    assert frozen == await client.ask(Command.SYMBOL_INFO_TICK, "EURUSD")
    terminal.server.clear_faults()
    await terminal.until_ticks(generated + 20)
    assert (await client.ask(Command.SYMBOL_INFO_TICK, "EURUSD")).time_msc > frozen.time_msc
    rows = await client.ask(Command.COPY_TICKS_FROM, "EURUSD", frozen.time_msc, 1000, -1)
    assert len(rows) // 60 >= 20


@pytest.mark.parametrize(
    ("switch", "outcome", "info"),
    [
        ("api_off", -8, ("tradeapi_disabled", True)),
        ("autotrading_off", 10027, ("trade_allowed", False)),
        ("link_down", 10031, ("connected", False)),
    ],
)
async def test_a_switch_stops_orders_and_shows_in_terminal_info(
    terminal: Running, switch: str, outcome: int, info: tuple[str, bool]
) -> None:
    client = await terminal.connect()
    terminal.fault(switch)
    result = await client.ask(Command.ORDER_SEND, BUY)
    assert outcome == (result if isinstance(result, int) else result.retcode)
    assert info[1] is getattr(await client.ask(Command.TERMINAL_INFO), info[0])
    terminal.server.clear_faults()
    assert info[1] is not getattr(await client.ask(Command.TERMINAL_INFO), info[0])
    assert (await client.ask(Command.ORDER_SEND, BUY)).retcode == 10009


@pytest.mark.parametrize(
    ("switch", "retcode", "field"),
    [("trading_off", 10017, "trade_allowed"), ("experts_off", 10026, "trade_expert")],
)
async def test_an_account_that_may_not_trade_shows_it(
    terminal: Running, switch: str, retcode: int, field: str
) -> None:
    client = await terminal.connect()
    terminal.fault(switch)
    assert (await client.ask(Command.ORDER_SEND, BUY)).retcode == retcode
    assert getattr(await client.ask(Command.ACCOUNT_INFO), field) is False


@pytest.mark.parametrize(("spec", "executed"), [("", 1), (":executed=no", 0)])
async def test_a_lost_reply_closes_the_connection(terminal: Running, spec: str, executed: int) -> None:
    trader, watcher = await terminal.connect(), await terminal.connect()
    terminal.fault("lose_reply" + spec)
    await trader.send(Command.ORDER_SEND, BUY)
    assert await trader.reader.read() == b""
    assert await watcher.ask(Command.POSITIONS_TOTAL) == executed


@pytest.mark.parametrize(("spec", "meanwhile"), [("", 0), (":executed=yes", 1)])
async def test_a_stall_without_an_end_lasts_until_the_faults_are_cleared(
    terminal: Running, spec: str, meanwhile: int
) -> None:
    trader, watcher = await terminal.connect(), await terminal.connect()
    terminal.fault("stall" + spec)
    await trader.send(Command.ORDER_SEND, BUY)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await trader.reader.readexactly(1)
    assert await watcher.ask(Command.POSITIONS_TOTAL) == meanwhile
    terminal.server.clear_faults()
    assert (await trader.receive())[1] == 1
    assert await watcher.ask(Command.POSITIONS_TOTAL) == 1


async def test_a_stall_of_some_time_ends_by_itself(terminal: Running) -> None:
    client = await terminal.connect()
    terminal.fault("stall:command=account_info,seconds=0.15")
    started = time.monotonic()
    assert (await client.ask(Command.ACCOUNT_INFO)).balance == 10_000.0
    assert 0.15 - CLOCK_STEPS_S <= time.monotonic() - started < 2.0


async def test_an_order_may_be_rejected_with_the_current_prices(terminal: Running) -> None:
    client = await terminal.connect()
    terminal.fault("reject:retcode=10004; freeze_ticks")
    result = await client.ask(Command.ORDER_SEND, BUY)
    tick = await client.ask(Command.SYMBOL_INFO_TICK, "EURUSD")
    assert (result.retcode, result.comment, result.deal) == (10004, "Requote", 0)
    assert (result.bid, result.ask) == (tick.bid, tick.ask)
    assert await client.ask(Command.POSITIONS_TOTAL) == 0


async def test_an_order_for_an_unknown_symbol_may_be_rejected(terminal: Running) -> None:
    client = await terminal.connect()
    terminal.fault("reject:retcode=10999")
    result = await client.ask(Command.ORDER_SEND, BUY._replace(symbol="NOSUCH"))
    assert (result.retcode, result.comment) == (10999, "Request rejected")


async def test_any_command_may_fail(terminal: Running) -> None:
    client = await terminal.connect()
    terminal.fault("error:command=positions_get,code=-1")
    assert await client.ask(Command.POSITIONS_GET) == -1
    assert await client.ask(Command.POSITIONS_GET) == ()


async def test_stopping_closes_every_client_and_carries_out_no_stalled_order(
    terminal: Running,
) -> None:
    trader = await terminal.connect()
    terminal.fault("stall")
    await trader.send(Command.ORDER_SEND, BUY)
    await until(lambda: terminal.server.calls[Command.ORDER_SEND] == 1)
    terminal.server.stop()
    assert await trader.reader.read() == b""
    assert terminal.server.clients == 0
    assert not terminal.exchange.positions()


async def test_the_address_is_known_only_once_it_listens() -> None:
    config = ExchangeConfig(symbols=SYMBOLS, selected=("EURUSD",))
    feed = make_feed(FeedOptions(start_utc_msc=utc_now_msc(), symbols=SYMBOLS))
    server = TerminalServer(Exchange(config), feed, FaultBoard())
    with pytest.raises(RuntimeError, match="does not listen yet"):
        _ = server.address


async def test_a_feed_that_fails_ends_the_server() -> None:
    config = ExchangeConfig(symbols=SYMBOLS[:1], selected=("EURUSD",))
    unknown = catalogue_symbol("GBPUSD")
    feed = make_feed(FeedOptions(start_utc_msc=utc_now_msc(), symbols=(unknown,)))
    server = TerminalServer(Exchange(config), feed, FaultBoard())
    await server.listen("127.0.0.1", 0)
    with pytest.raises(ExceptionGroup) as caught:
        await server.run()
    assert caught.group_contains(ValueError, match="no such symbol")


class FailingExchange(Exchange):
    def positions(self) -> NoReturn:
        raise ZeroDivisionError("a fault of the simulation")


async def test_a_fault_of_the_simulation_closes_the_client_that_met_it() -> None:
    config = ExchangeConfig(symbols=SYMBOLS, selected=("EURUSD",))
    feed = make_feed(FeedOptions(start_utc_msc=utc_now_msc(), symbols=SYMBOLS))
    server = TerminalServer(FailingExchange(config), feed, FaultBoard())
    await server.listen("127.0.0.1", 0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        unlucky = Client(*await asyncio.open_connection(*server.address))
        other = Client(*await asyncio.open_connection(*server.address))
        await unlucky.send(Command.POSITIONS_GET)
        assert await unlucky.reader.read() == b""
        assert await other.ask(Command.SYMBOLS_TOTAL) == 2
        server.stop()
    unlucky.writer.close()
    other.writer.close()
