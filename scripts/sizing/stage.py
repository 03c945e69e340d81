"""One account of the simulated terminal whose prices are moved by hand, and the bridge's own way to it.

Owns the terminal and its ledger, and a trade lane with a worker process: what the guard is asked about and
what it sends goes the way that it goes in the bridge.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scripts.sizing.kinds import KINDS, SYMBOLS, AccountKind

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.settings import Settings
from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.feed import FeedOptions, make_feed
from hybrid_bridge.simulator.ledger import Ledger
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.symbols import SymbolSpec
from hybrid_bridge.simulator.terminal_server import TerminalServer
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.lanes import lane_options
from hybrid_bridge.terminal.trade_lane import TerminalTradeLane

OFFSET_S = 10_800
LEARN_LOTS = 1.0  # Its commission needs no rounding, so it tells the rate to the last digit.
CONNECT_S = 30.0
DEVIATION_MAX = 1_000_000
SPECS: dict[str, SymbolSpec] = {spec.name: spec for spec in SYMBOLS}


class Stage:
    """A terminal with one account, and a lane to it.

    Attributes:
        kind: the account's.
        trade: the bridge's way to it.
    """

    def __init__(self, kind: AccountKind, folder: Path) -> None:
        self.kind = kind
        self._clock = SystemClock()
        self._ledger_path = folder / f"ledger-{kind.currency}.jsonl"
        self._ledger = Ledger(self._ledger_path)
        self._exchange = Exchange(
            ExchangeConfig(
                currency=kind.currency,
                balance=kind.balance,
                commission_per_lot=kind.commission_per_lot,
                symbols=SYMBOLS,
                selected=tuple(SPECS),
                utc_offset_s=OFFSET_S,
            ),
            self._ledger,
        )
        start_msc = self._clock.utc_msc()
        # Its own prices never come: its clock stands still.
        feed = make_feed(FeedOptions(start_utc_msc=start_msc))
        self._server = TerminalServer(self._exchange, feed, FaultBoard(), now_msc=lambda: start_msc)
        self.trade: TerminalTradeLane

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Stage"]:
        """Serve the terminal and keep the lane connected."""
        self._learn_commission()
        await self._server.listen("127.0.0.1", 0)
        host, port = self._server.address
        settings = Settings(symbols=tuple(KINDS), mt5_backend="simulator", sim_address=f"{host}:{port}")
        lane = Lane(lane_options("trade", settings.terminal))
        self.trade = TerminalTradeLane(lambda: lane, ServerClock(OFFSET_S), self._clock)
        tasks = [asyncio.create_task(self._server.run()), asyncio.create_task(lane.run())]
        try:
            async with asyncio.timeout(CONNECT_S):
                await lane.wait_ready()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ledger.close()

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Bring a tick now."""
        now_msc = max(self._clock.utc_msc() + OFFSET_S * 1000, self._exchange.server_msc)
        self._exchange.on_tick(symbol, now_msc, bid, ask)

    def quote_all(self) -> None:
        """Bring every symbol back to where it began."""
        for spec in SYMBOLS:
            ask = round(spec.price + spec.spread_points * spec.point, spec.digits)
            self.quote(spec.name, spec.price, ask)

    def deals_of(self, position: int) -> list[dict[str, Any]]:
        """Return what the exchange's ledger has of a position, oldest deal first."""
        rows = [json.loads(line) for line in self._ledger_path.read_text(encoding="utf-8").splitlines()]
        return [row for row in rows if row["position"] == position]

    def _learn_commission(self) -> None:
        """Trade a lot of each symbol by hand: the account's history then tells what a lot costs."""
        self.quote_all()
        for name in KINDS:
            position = self._deal(name, mt5.ORDER_TYPE_BUY)
            self._deal(name, mt5.ORDER_TYPE_SELL, position)

    def _deal(self, name: str, order_type: int, position: int = 0) -> int:
        whole = SPECS[name].filling_mode & mt5.SYMBOL_FILLING_FOK
        request = TradeRequest(
            action=mt5.TRADE_ACTION_DEAL,
            symbol=name,
            volume=LEARN_LOTS,
            price=SPECS[name].price,
            deviation=DEVIATION_MAX,
            type=order_type,
            position=position,
            type_filling=mt5.ORDER_FILLING_FOK if whole else mt5.ORDER_FILLING_IOC,
        )
        result = self._exchange.order_send(request)
        if result.retcode != mt5.TRADE_RETCODE_DONE:
            raise RuntimeError(f"{name}: a lot could not be dealt by hand: {result.retcode} {result.comment}")
        return result.order
