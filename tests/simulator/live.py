"""A simulated terminal in this process whose prices and clock a test moves, for the package's functions."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.simulator.conftest import forget_session
from tests.simulator.trading import Account

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.feed import FeedOptions, make_feed
from hybrid_bridge.simulator.terminal_server import TerminalServer


class LiveTerminal:
    """Serves one account in a thread; initialized on entry.

    Attributes:
        account: the account behind it, to be touched through the methods only.
        faults: its fault board.
    """

    def __init__(self, **config: Any) -> None:
        self.account = Account(**{"balance": 100_000.0, **config})
        self.faults = FaultBoard()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        forget_session()
        host, port = self._server.address
        assert mt5.initialize(f"{host}:{port}")
        return self

    def __exit__(self, *_: object) -> None:
        forget_session()
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        feed = make_feed(FeedOptions(start_utc_msc=self.account.now_msc))
        self._server = TerminalServer(
            self.account.exchange, feed, self.faults, now_msc=lambda: self.account.now_msc
        )
        await self._server.listen("127.0.0.1", 0)
        self._ready.set()
        await self._server.run()

    def do(self, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Do something in the terminal's thread and wait for it."""

        async def act() -> Any:
            return action(*arguments, **options)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def quote(self, symbol: str, bid: float, ask: float, after_msc: int = 100) -> None:
        """Bring a tick a little later."""
        self.do(self.account.quote, symbol, bid, ask, after_msc=after_msc)

    def wait(self, msc: int) -> None:
        """Let time pass without a tick."""
        self.do(self.account.wait, msc)

    def hang_up(self) -> None:
        """Close every connection."""
        self.do(self._server.hang_up)
