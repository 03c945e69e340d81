"""The simulated terminal as a server: the pipe protocol, many clients, prices in real time.

Owns the connections, the driving of the feed into the exchange and the doing of faults; `commands`
decides the answers and `wire` the bytes. Every client is served by a task of its own, one request
after the other, so that one client's slow order never delays another client. Each reply leaves in
one write. Run by `server`, and by tests inside their own event loop.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import structlog

from hybrid_bridge.simulator import constants, wire
from hybrid_bridge.simulator.commands import TerminalCommands
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.faults import CallFault, FaultBoard
from hybrid_bridge.simulator.feed import Feed
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.wire import Command
from hybrid_bridge.simulator.wire_structs import WireError

log = structlog.get_logger(__name__)

# A terminal has few clients; more than this is a client that leaks connections.
CLIENTS_MAX: Final = 64
# Other clients get their turn after so many ticks of one batch.
_TICKS_IN_A_ROW: Final = 500
# Arrivals of orders that are remembered.
_ARRIVALS_MAX: Final = 10_000
# The clock moves at least so often, for expiries and swaps, when there is no tick.
_CLOCK_STEP_S: Final = 1.0


class OrderArrival(NamedTuple):
    """An order_send as it reached the terminal, before anything is done about it.

    Attributes:
        time_ns: the computer's wall clock, nanoseconds since 1970.
    """

    magic: int
    comment: str
    time_ns: int


def utc_now_msc() -> int:
    """Tell the time: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class TerminalServer:
    """Serve one simulated terminal.

    Args:
        exchange: the trade server with its account.
        feed: where the prices come from.
        faults: what goes wrong.
        utc_offset_s: the trade server's wall clock minus UTC.
        now_msc: the wall clock, in milliseconds UTC.

    Attributes:
        calls: requests per command since the start.
        ticks: ticks per symbol since the start.
        arrivals: the latest order_send requests, oldest first.
    """

    def __init__(
        self,
        exchange: Exchange,
        feed: Feed,
        faults: FaultBoard,
        *,
        utc_offset_s: int = 0,
        now_msc: Callable[[], int] = utc_now_msc,
    ) -> None:
        self.calls: Counter[Command] = Counter()
        self.ticks: Counter[str] = Counter()
        self.arrivals: deque[OrderArrival] = deque(maxlen=_ARRIVALS_MAX)
        self.feed = feed
        self._exchange = exchange
        self._faults = faults
        self._offset_msc = utc_offset_s * 1000
        self._now_msc = now_msc
        self._commands = TerminalCommands(exchange)
        self._clients: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._ticks_flow = asyncio.Event()
        self._stalls_end = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self.faults_changed()

    @property
    def clients(self) -> int:
        """Count the clients that are connected."""
        return len(self._clients)

    @property
    def address(self) -> tuple[str, int]:
        """Give host and port that are listened at.

        Raises:
            RuntimeError: before `listen`.
        """
        if self._listener is None:
            raise RuntimeError("the simulated terminal does not listen yet; await listen() first")
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    async def listen(self, host: str, port: int) -> None:
        """Open the port, so that clients can connect; port 0 picks a free one.

        Raises:
            OSError: if the port cannot be had.
        """
        self._listener = await asyncio.start_server(self.serve_client, host, port)

    async def run(self) -> None:
        """Serve and drive the feed until `stop`; then every connection is closed.

        Raises:
            ExceptionGroup: if the feed or the exchange fails; a terminal without prices is of no
                use to anyone.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                driving = tasks.create_task(self._drive_feed())
                await self._stopping.wait()
                driving.cancel()
        finally:
            await self._close()

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()

    def clear_faults(self) -> None:
        """Lift every fault; stalled calls go on."""
        self._faults.clear()
        self._stalls_end.set()
        self._stalls_end = asyncio.Event()
        self.faults_changed()

    def faults_changed(self) -> None:
        """Follow the faults' switches after one was added."""
        permissions, is_on = self._exchange.permissions, self._faults.is_on
        permissions.connected = not is_on("link_down")
        permissions.terminal_trading = not is_on("autotrading_off")
        permissions.api_disabled = is_on("api_off")
        permissions.account_trading = not is_on("trading_off")
        permissions.account_experts = not is_on("experts_off")
        if self._faults.ticks_flow:
            self._ticks_flow.set()
        else:
            self._ticks_flow.clear()

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        if self._listener is not None:
            await self._listener.wait_closed()

    async def _drive_feed(self) -> None:
        while True:
            await self._ticks_flow.wait()
            now_msc = self._now_msc()
            batch = self.feed.next_batch(now_msc)
            for count, (symbol, time_msc, bid, ask) in enumerate(batch, start=1):
                self._exchange.on_tick(symbol, time_msc, bid, ask)
                self.ticks[symbol] += 1
                if count % _TICKS_IN_A_ROW == 0:
                    await asyncio.sleep(0)
            if not batch:
                self._exchange.advance_clock(now_msc + self._offset_msc)
            due_msc = self.feed.next_due_utc_msc()
            wait_s = _CLOCK_STEP_S if due_msc is None else (due_msc - self._now_msc()) / 1000
            await asyncio.sleep(min(max(wait_s, 0.0), _CLOCK_STEP_S))

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, of the port or of a pipe, until it leaves or the terminal ends."""
        client = asyncio.current_task()
        if client is None or len(self._clients) >= CLIENTS_MAX:
            log.warning("Too many clients, refusing one.", clients_max=CLIENTS_MAX)
            writer.close()
            return
        self._clients.add(client)
        try:
            while (frame := await self._answer(await _read_request(reader))) is not None:
                writer.write(frame)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            log.debug("A client left.")
        except WireError as error:
            log.warning("Closing a client that does not speak the protocol.", reason=str(error))
        except Exception:
            # A fault of the simulation itself: this client sees its terminal die, the others live.
            log.exception("Closing a client whose request could not be answered.")
        finally:
            self._clients.discard(client)
            writer.close()

    async def _answer(self, body: bytes) -> bytes | None:
        """Answer one request; None means that the connection is to be closed instead."""
        try:
            command, parameters = wire.decode_request(body)
        except wire.UnknownCommandError as error:
            return wire.encode_error(error.number, constants.RES_E_UNSUPPORTED)
        except WireError as error:
            log.warning("Refusing a malformed request.", reason=str(error))
            return wire.encode_error(wire.command_number(body), constants.RES_E_INVALID_PARAMS)
        self.calls[command] += 1
        fault = self._faults.take(command)
        if command is Command.ORDER_SEND:
            self.arrivals.append(OrderArrival(parameters[0].magic, parameters[0].comment, time.time_ns()))
            await asyncio.sleep(self._faults.order_latency_s())
        if fault is None:
            return self._execute(command, parameters)
        log.info("A fault hits a call.", fault=fault.kind, command=command.name)
        return await self._answer_with_fault(fault, command, parameters)

    async def _answer_with_fault(
        self, fault: CallFault, command: Command, parameters: tuple[Any, ...]
    ) -> bytes | None:
        if fault.kind == "error":
            return wire.encode_error(command, fault.code)
        if fault.kind == "reject":
            return wire.encode_reply(command, self._commands.reject(parameters[0], fault.code))
        executed = self._execute(command, parameters) if fault.executed else None
        if fault.kind == "lose_reply":
            return None
        await self._stall(fault.seconds)
        return executed or self._execute(command, parameters)

    async def _stall(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds or None):
                await self._stalls_end.wait()
        except TimeoutError:
            log.debug("A stall is over.", seconds=seconds)

    def _execute(self, command: Command, parameters: tuple[Any, ...]) -> bytes:
        try:
            return wire.encode_reply(command, self._commands.answer(command, parameters))
        except TerminalError as error:
            return wire.encode_error(command, error.code)
        except WireError as error:
            log.error("An answer does not fit the protocol.", command=command.name, reason=str(error))
            return wire.encode_error(command, constants.RES_E_FAIL)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    (size,) = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))
    if not wire.LENGTH.size <= size <= wire.MAX_REQUEST_BYTES:
        raise WireError(f"a request of {size} bytes, expected {wire.LENGTH.size} to {wire.MAX_REQUEST_BYTES}")
    return await reader.readexactly(size)
