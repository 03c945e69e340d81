"""The simulated terminal as a server: the pipe protocol, many clients, prices in real time.

Owns the listening, the driving of the feed into the accounts, and what is done to a running terminal
from outside: faults that are switched, prices that are paused, trades made by hand. `connections` serves
the clients and `answering` answers them. Run by `server`, and by tests inside their own event loop.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import structlog

from hybrid_bridge.simulator import constants
from hybrid_bridge.simulator.accounts import Accounts
from hybrid_bridge.simulator.answering import Answering, OrderArrival
from hybrid_bridge.simulator.connections import CLIENTS_MAX, Clients, PortClient, serve_streams
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.feed import Feed, FeedTick
from hybrid_bridge.simulator.records import OrderSendResult, TradeRequest
from hybrid_bridge.simulator.server_zone import ServerZone
from hybrid_bridge.simulator.terms import Terms
from hybrid_bridge.simulator.wire import Command

__all__ = ["CLIENTS_MAX", "OrderArrival", "TerminalServer", "utc_now_msc"]

log = structlog.get_logger(__name__)

# Other clients get their turn after so many ticks of one batch.
_TICKS_IN_A_ROW: Final = 500
# The clock moves at least so often, for expiries and swaps, when there is no tick.
_CLOCK_STEP_S: Final = 1.0
_BY_HAND: Final = Terms(reason=constants.ORDER_REASON_CLIENT)


def utc_now_msc() -> int:
    """Tell the time: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class TerminalServer:
    """Serve one simulated terminal.

    Args:
        exchange: the trade server with its account.
        feed: where the prices come from.
        faults: what goes wrong.
        utc_offset_s: the trade server's wall clock minus UTC, where `zone` is not given.
        zone: the same, changing with the season.
        now_msc: the wall clock, in milliseconds UTC.

    Attributes:
        ticks: ticks per symbol since the start.
    """

    def __init__(
        self,
        exchange: Exchange,
        feed: Feed,
        faults: FaultBoard,
        *,
        utc_offset_s: int = 0,
        zone: ServerZone | None = None,
        now_msc: Callable[[], int] = utc_now_msc,
    ) -> None:
        self.ticks: Counter[str] = Counter()
        self.feed = feed
        self._accounts = Accounts(exchange)
        self._answering = Answering(self._accounts, faults)
        self._faults = faults
        self._zone = zone or ServerZone.fixed(utc_offset_s)
        self._now_msc = now_msc
        self._clients = Clients()
        self._stopping = asyncio.Event()
        self._ticks_flow = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self.faults_changed()

    @property
    def calls(self) -> Counter[Command]:
        """Give the requests per command since the start."""
        return self._answering.calls

    @property
    def arrivals(self) -> deque[OrderArrival]:
        """Give the latest order_send requests, oldest first."""
        return self._answering.arrivals

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
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: PortClient(self._clients, self._answering), host, port
        )

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client of a pipe until it leaves or the terminal ends."""
        await serve_streams(self._clients, self._answering, reader, writer)

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

    async def _close(self) -> None:
        self._answering.waits.cancel()
        if self._listener is not None:
            self._listener.close()
        self._clients.hang_up()
        await self._clients.gone()
        if self._listener is not None:
            await self._listener.wait_closed()

    # Faults

    def clear_faults(self) -> None:
        """Lift every fault; stalled calls go on, everything is shown."""
        self._faults.clear()
        self._answering.waits.release()
        self.faults_changed()

    def faults_changed(self) -> None:
        """Follow the faults' switches after one was added."""
        self._accounts.log_in(self._faults.other_account)
        permissions, is_on = self._accounts.current.exchange.permissions, self._faults.is_on
        permissions.connected = not is_on("link_down")
        permissions.terminal_trading = not is_on("autotrading_off")
        permissions.api_disabled = is_on("api_off")
        permissions.account_trading = not is_on("trading_off")
        permissions.account_experts = not is_on("experts_off")
        permissions.market_open = not is_on("market_closed")
        self._answering.history_lag_changed()
        self._switch_ticks()

    def hang_up(self) -> None:
        """Close every client's connection, between two of its calls if it is not in one."""
        self._clients.hang_up()

    # Prices

    def pause(self) -> None:
        """Stop prices and the server's clock until `resume`; they go on where they stopped."""
        self.feed.pause(self._now_msc())
        self._switch_ticks()

    def resume(self) -> None:
        """Let prices come again."""
        self.feed.resume(self._now_msc())
        self._switch_ticks()

    def step(self, moments: int) -> int:
        """Bring the ticks of the next few moments now, while paused; give how many came."""
        batch = self.feed.step(moments, self._now_msc())
        for tick in batch:
            self._take_tick(tick)
        return len(batch)

    def change_speed(self, speed: float) -> None:
        """Let prices come so many times faster than they were made.

        Raises:
            FeedError: if it is no such number.
        """
        self.feed.change_speed(speed, self._now_msc())

    def _switch_ticks(self) -> None:
        if self._faults.ticks_flow and not self.feed.is_paused:
            self._ticks_flow.set()
        else:
            self._ticks_flow.clear()

    async def _drive_feed(self) -> None:
        while True:
            await self._ticks_flow.wait()
            now_msc = self._now_msc()
            batch = self.feed.next_batch(now_msc)
            for count, tick in enumerate(batch, start=1):
                self._take_tick(tick)
                if count % _TICKS_IN_A_ROW == 0:
                    await asyncio.sleep(0)
            if not batch:
                server_msc = self._zone.server_msc(now_msc)
                self._accounts.advance_clock(server_msc + int(self._faults.clock_jump_s * 1000))
            due_msc = self.feed.next_due_utc_msc()
            wait_s = _CLOCK_STEP_S if due_msc is None else (due_msc - self._now_msc()) / 1000
            await asyncio.sleep(min(max(wait_s, 0.0), _CLOCK_STEP_S))

    def _take_tick(self, tick: FeedTick) -> None:
        symbol, time_msc, bid, ask = tick
        if self._faults.is_on("cross_ticks"):
            bid, ask = ask, bid
        self._accounts.on_tick(symbol, time_msc + int(self._faults.clock_jump_s * 1000), bid, ask)
        self.ticks[symbol] += 1

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Bring a price now, whatever the feed brings.

        Raises:
            ValueError: for a symbol that the trade server does not have.
        """
        self._take_tick((symbol, self._zone.server_msc(self._now_msc()), bid, ask))

    # Money and trades by hand

    def deposit(self, amount: float, *, credit: bool = False) -> None:
        """Pay money into the account that is logged in, or out of it where the amount is negative."""
        self._accounts.current.exchange.deposit(amount, credit=credit)

    def trade_by_hand(self, request: TradeRequest) -> OrderSendResult:
        """Trade as a person at the terminal does: reason CLIENT, no magic.

        Raises:
            TerminalError: as the exchange's order_send.
        """
        return self._accounts.current.exchange.order_send(request._replace(magic=0), _BY_HAND)
