"""The control port and its client, over a real socket beside a real server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.control import ControlPort
from hybrid_bridge.simulator.control_client import ControlError, SimulatorControl
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.feed import FeedOptions, make_feed
from hybrid_bridge.simulator.terminal_server import OrderArrival, TerminalServer, utc_now_msc
from hybrid_bridge.simulator.wire import Command

SYMBOL = catalogue_symbol("EURUSD")


class Parts:
    def __init__(self) -> None:
        self.faults = FaultBoard()
        self.killed = False
        feed = make_feed(FeedOptions(start_utc_msc=utc_now_msc(), symbols=(SYMBOL,)))
        exchange = Exchange(ExchangeConfig(symbols=(SYMBOL,), selected=("EURUSD",)))
        self.server = TerminalServer(exchange, feed, self.faults)
        self.port = ControlPort(self.server, self.faults, self._kill)
        self.address = ""

    def _kill(self) -> None:
        self.killed = True


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    parts = Parts()
    listener = await parts.port.listen("127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    parts.address = f"{host}:{port}"
    async with listener:
        yield parts


def answered(parts: Parts, request: Any) -> dict[str, Any]:
    return parts.port.answer(json.dumps(request).encode())


async def test_a_fault_is_put_in_force_and_lifted(parts: Parts) -> None:
    def control() -> None:
        with SimulatorControl(parts.address) as simulator:
            simulator.fault("stall", command="order_send", seconds=2, skip=1)
            simulator.fault("freeze_ticks")

    await asyncio.to_thread(control)
    assert parts.faults.take(Command.ORDER_SEND) is None
    fault = parts.faults.take(Command.ORDER_SEND)
    assert fault is not None
    assert (fault.kind, fault.seconds) == ("stall", 2.0)
    assert not parts.server._ticks_flow.is_set()
    assert answered(parts, {"do": "clear"}) == {"ok": True}
    assert parts.server._ticks_flow.is_set()


async def test_a_fault_that_makes_no_sense_is_an_error_in_words(parts: Parts) -> None:
    def control() -> None:
        with SimulatorControl(parts.address) as simulator:
            with pytest.raises(ControlError, match="unknown fault 'stal'"):
                simulator.fault("stal")
            simulator.fault("api_off")

    await asyncio.to_thread(control)
    assert parts.faults.is_on("api_off")


async def test_figures_are_given(parts: Parts) -> None:
    parts.server.calls[Command.ORDER_SEND] = 3
    parts.server.ticks["EURUSD"] = 7

    def control() -> dict[str, Any]:
        with SimulatorControl(parts.address) as simulator:
            return simulator.stats()

    assert await asyncio.to_thread(control) == {
        "ticks": {"EURUSD": 7},
        "calls": {"order_send": 3},
        "orders": 3,
        "clients": 0,
        "shift_msc": 0,
    }


async def test_the_arrivals_of_orders_are_given(parts: Parts) -> None:
    parts.server.arrivals.append(OrderArrival(1 << 60, "first", 1_400_000_000_123_456_789))

    def control() -> list[tuple[int, str, int]]:
        with SimulatorControl(parts.address) as simulator:
            return simulator.arrivals()

    assert await asyncio.to_thread(control) == [(1 << 60, "first", 1_400_000_000_123_456_789)]


async def test_a_price_comes_and_money_is_paid_in_and_out(parts: Parts) -> None:
    def control() -> None:
        with SimulatorControl(parts.address) as simulator:
            simulator.pause()
            simulator.quote("EURUSD", 1.2, 1.2002)
            simulator.deposit(500)
            simulator.deposit(-200.5)
            simulator.deposit(50, credit=True)

    await asyncio.to_thread(control)
    exchange = parts.server._accounts.current.exchange
    tick = exchange.symbol_info_tick("EURUSD")
    assert (tick.bid, tick.ask) == (1.2, 1.2002)
    assert parts.server.ticks["EURUSD"] == 1
    account = exchange.account_info()
    assert (account.balance, account.credit, account.equity) == (10_299.5, 50.0, 10_349.5)


async def test_stop_and_kill_reach_the_server(parts: Parts) -> None:
    def control() -> None:
        with SimulatorControl(parts.address) as simulator:
            simulator.stop()

    await asyncio.to_thread(control)
    assert parts.server._stopping.is_set()
    answered(parts, {"do": "kill"})
    assert parts.killed


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", "not a line of JSON"),
        (b"\xff", "not a line of JSON"),
        (b"[]", '"do" must be one of fault, clear, stats, arrivals, hang_up, pause, resume, '),
        (b'{"do": "dance"}', '"do" must be one of'),
        (b'{"do": ["fault"]}', '"do" must be one of'),
        (b'{"do": "fault"}', "unknown fault ''"),
        (b'{"do": "quote", "symbol": "EURUSD", "bid": 1.1}', "ask must be a number, got None"),
        (b'{"do": "quote", "symbol": "EURUSD", "bid": 1.2, "ask": 1.1}', "a quote has 0 < bid <= ask"),
        (b'{"do": "quote", "symbol": "EURUSD", "bid": 0, "ask": 1.1}', "a quote has 0 < bid <= ask"),
        (b'{"do": "quote", "symbol": "NOPE", "bid": 1, "ask": 1}', "tick of NOPE: the simulated server has"),
        (b'{"do": "deposit"}', "amount must be a number, got None"),
        (b'{"do": "deposit", "amount": "inf"}', "amount must be a number, got 'inf'"),
        (b'{"do": "deposit", "amount": 5, "credit": 1}', "credit must be true or false, got 1"),
    ],
)
async def test_a_line_that_makes_no_sense_is_refused(parts: Parts, line: bytes, error: str) -> None:
    answer = parts.port.answer(line)
    assert answer["ok"] is False
    assert answer["error"].startswith(error)


async def test_an_endless_line_ends_the_connection_only(parts: Parts) -> None:
    host, port = parts.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"x" * 200_000)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert answered(parts, {"do": "clear"}) == {"ok": True}
