"""The control port of a simulated terminal: faults and figures while it runs.

Owns the JSON lines spoken there, one request and one answer a line; does nothing itself but call
the server and the fault board. `control_client` is its other end.

    {"do": "fault", "name": "stall", "seconds": 2}    put a fault in force, see `faults`
    {"do": "clear"}                                   lift all faults; stalled calls go on
    {"do": "stats"}                                   what was served and generated so far
    {"do": "arrivals"}                                when the latest 10,000 orders arrived
    {"do": "hang_up"}                                 close every client's connection
    {"do": "pause"}, {"do": "resume"}                 stop prices and the clock, let them go on
    {"do": "step", "moments": 1}                      the ticks of the next moments, now, then pause
    {"do": "speed", "speed": 10}                      prices so many times faster
    {"do": "quote", "symbol": "EURUSD", "bid": 1.1, "ask": 1.1002}  a price now, paused or not
    {"do": "deposit", "amount": 500}                  pay money in; out where it is negative
    {"do": "deposit", "amount": 50, "credit": true}   the same as the broker's credit
    {"do": "trade", "action": 1, "symbol": "EURUSD"}  trade by hand, with the fields of a request
    {"do": "stop"}                                    end in order
    {"do": "kill"}                                    end at once, in the middle of whatever it does

An answer is {"ok": true, ...} or {"ok": false, "error": "..."}.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import structlog

from hybrid_bridge.simulator.fault_options import read_integer, read_number
from hybrid_bridge.simulator.faults import FaultBoard, FaultError
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.replay import FeedError
from hybrid_bridge.simulator.terminal_error import TerminalError
from hybrid_bridge.simulator.terminal_server import TerminalServer
from hybrid_bridge.simulator.wire import Command

log = structlog.get_logger(__name__)


class ControlPort:
    """Serve the control port of one terminal.

    Args:
        server: the terminal.
        faults: its fault board.
        kill: ends the process at once.
    """

    def __init__(self, server: TerminalServer, faults: FaultBoard, kill: Callable[[], None]) -> None:
        self._server = server
        self._faults = faults
        self._actions: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
            "fault": self._add_fault,
            "clear": lambda _: server.clear_faults(),
            "stats": lambda _: self._stats(),
            "arrivals": lambda _: {"arrivals": list(server.arrivals)},
            "hang_up": lambda _: server.hang_up(),
            "pause": lambda _: server.pause(),
            "resume": lambda _: server.resume(),
            "step": self._step,
            "speed": self._change_speed,
            "quote": self._quote,
            "deposit": self._deposit,
            "trade": self._trade,
            "stop": lambda _: server.stop(),
            "kill": lambda _: kill(),
        }

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Open the port; port 0 picks a free one.

        Raises:
            OSError: if the port cannot be had.
        """
        return await asyncio.start_server(self._serve, host, port)

    def answer(self, line: bytes) -> dict[str, Any]:
        """Do what one line asks for and give its answer."""
        try:
            request = json.loads(line)
        except ValueError as error:
            return _refusal(f"not a line of JSON: {error}")
        if not isinstance(request, dict) or str(request.get("do")) not in self._actions:
            return _refusal(f'"do" must be one of {", ".join(self._actions)}, got {request!r}')
        log.debug("Control.", request=request)
        try:
            found = self._actions[str(request.pop("do"))](request)
        except (FaultError, FeedError) as error:
            return _refusal(str(error))
        except TerminalError as error:
            return _refusal(f"the terminal refuses with {error.code}")
        return {"ok": True, **(found or {})}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self.answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            # A line over the reader's limit is the ValueError.
            log.warning("A control client is gone.", reason=str(error))
        finally:
            writer.close()

    def _add_fault(self, request: dict[str, Any]) -> None:
        name = str(request.pop("name", ""))
        self._faults.add(name, request)
        self._server.faults_changed()

    def _step(self, request: dict[str, Any]) -> dict[str, Any]:
        moments = read_integer(request.get("moments", 1), "moments")
        return {"ticks": self._server.step(moments)}

    def _quote(self, request: dict[str, Any]) -> None:
        bid, ask = (read_number(request.get(side), side) for side in ("bid", "ask"))
        if not 0 < bid <= ask:
            raise FaultError(f"a quote has 0 < bid <= ask, got bid {bid} and ask {ask}")
        try:
            self._server.quote(str(request.get("symbol", "")), bid, ask)
        except ValueError as error:
            raise FaultError(str(error)) from None

    def _deposit(self, request: dict[str, Any]) -> None:
        credit = request.get("credit", False)
        if not isinstance(credit, bool):
            raise FaultError(f"credit must be true or false, got {credit!r}")
        self._server.deposit(read_number(request.get("amount"), "amount"), credit=credit)

    def _change_speed(self, request: dict[str, Any]) -> None:
        try:
            speed = float(request.get("speed", 0))
        except (TypeError, ValueError):
            raise FaultError(f"speed must be a number above 0, got {request['speed']!r}") from None
        self._server.change_speed(speed)

    def _trade(self, request: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(request) - set(TradeRequest._fields))
        if unknown:
            raise FaultError(
                f"a request has no {', '.join(unknown)}; it has {', '.join(TradeRequest._fields)}"
            )
        texts = ("symbol", "comment")
        if not all(
            isinstance(value, str if name in texts else int | float) for name, value in request.items()
        ):
            raise FaultError(
                f"a request's {' and '.join(texts)} are texts, its other fields numbers: {request}"
            )
        result = self._server.trade_by_hand(TradeRequest(**request))
        return {"retcode": result.retcode, "order": result.order, "deal": result.deal, "price": result.price}

    def _stats(self) -> dict[str, Any]:
        return {
            "ticks": dict(self._server.ticks),
            "calls": {command.name.lower(): n for command, n in self._server.calls.items()},
            "orders": self._server.calls[Command.ORDER_SEND],
            "clients": self._server.clients,
            "shift_msc": self._server.feed.shift_msc,
        }


def _refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}
