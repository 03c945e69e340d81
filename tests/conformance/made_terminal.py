"""A terminal that answers whatever a test wants, over a port or over a pipe.

    python made_terminal.py --listen
    python made_terminal.py --pipe PATH

Owns the answers: to every command the values of `surface`, unless told otherwise on its control port,
which takes lines of JSON:

    {"do": "requests"}                     the requests since the last time, decoded
    {"do": "answer", "mode": "error", "code": -4}
    {"do": "answer", "mode": "phase", "phase": 1}

Modes: phase; error, with a code; short and long, a byte too few or too many; other, another command's
number; hang_up, the connection is closed instead; end, the process is ended instead; many, lists have two
items; none, lists are empty and what is asked for by ticket comes with result 0. The handshake is answered
in order by every mode but `states`, which answers the authorisation polls with a list of numbers.
"""

import argparse
import asyncio
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import surface

from hybrid_bridge.simulator import records, wire
from hybrid_bridge.simulator.wire import Command

HANDSHAKE = {Command.HELLO: 6231, Command.LOGIN: None, Command.AUTHORISATION: wire.AUTHORISED}
NOTHING = (Command.SYMBOL_SELECT, Command.MARKET_BOOK_ADD, Command.MARKET_BOOK_RELEASE)
COUNTS = {
    Command.POSITIONS_TOTAL: 2**32 - 1,
    Command.ORDERS_TOTAL: 2**31,
    Command.HISTORY_ORDERS_TOTAL: 3,
    Command.HISTORY_DEALS_TOTAL: 4,
    Command.SYMBOLS_TOTAL: 5,
    Command.ORDER_CALC_MARGIN: 123.5,
    Command.ORDER_CALC_PROFIT: -0.1,
}
ONE = {
    Command.SYMBOL_INFO: "SymbolInfo",
    Command.SYMBOL_INFO_TICK: "Tick",
    Command.TERMINAL_INFO: "TerminalInfo",
    Command.ACCOUNT_INFO: "AccountInfo",
    Command.ORDER_CHECK: "OrderCheckResult",
    Command.ORDER_SEND: "OrderSendResult",
    Command.POSITIONS_GET_TICKET: "TradePosition",
    Command.ORDERS_GET_TICKET: "TradeOrder",
    Command.HISTORY_ORDERS_GET_TICKET: "TradeOrder",
    Command.HISTORY_DEALS_GET_TICKET: "TradeDeal",
}
BY_TICKET = tuple(command for command in ONE if command.name.endswith("_TICKET"))
MANY = {
    Command.POSITIONS_GET: "TradePosition",
    Command.POSITIONS_GET_SYMBOL: "TradePosition",
    Command.ORDERS_GET: "TradeOrder",
    Command.ORDERS_GET_SYMBOL: "TradeOrder",
    Command.HISTORY_ORDERS_GET: "TradeOrder",
    Command.HISTORY_ORDERS_GET_POSITION: "TradeOrder",
    Command.HISTORY_DEALS_GET: "TradeDeal",
    Command.HISTORY_DEALS_GET_POSITION: "TradeDeal",
    Command.SYMBOLS_GET: "SymbolInfo",
    Command.SYMBOLS_GET_GROUP: "SymbolInfo",
    Command.MARKET_BOOK_GET: "BookInfo",
}
ROWS = {
    Command.COPY_TICKS_FROM: ("ticks", "<qdddQqId"),
    Command.COPY_TICKS_RANGE: ("ticks", "<qdddQqId"),
    Command.COPY_RATES_FROM: ("rates", "<qddddQiQ"),
    Command.COPY_RATES_FROM_POS: ("rates", "<qddddQiQ"),
    Command.COPY_RATES_RANGE: ("rates", "<qddddQiQ"),
}
VERSION = (-500, -6231, "26 Sep 2025 \u00e4")


class MadeTerminal:
    """Answer clients as told."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.mode: dict[str, Any] = {"mode": "phase", "phase": 0}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))
                command, parameters = wire.decode_request(await reader.readexactly(size))
                self.requests.append([command.name, parameters])
                frame = self.frame(command)
                if frame is None:
                    return
                writer.write(frame)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            answer: list[Any] = []
            if asked.pop("do") == "requests":
                answer, self.requests = self.requests, []
            else:
                self.mode = asked
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def frame(self, command: Command) -> bytes | None:
        """Build one reply; None: hang up."""
        mode = self.mode["mode"]
        if mode == "states" and command is Command.AUTHORISATION:
            states = self.mode["states"]
            return wire.encode_reply(command, states.pop(0) if len(states) > 1 else states[0])
        if command in HANDSHAKE:
            return wire.encode_reply(command, HANDSHAKE[command])
        if mode == "error":
            return wire.encode_error(command, self.mode["code"])
        if mode == "hang_up":
            return None
        if mode == "end":
            os._exit(1)
        return self.changed(command, wire.encode_reply(command, self.value(command)))

    def changed(self, command: Command, frame: bytes) -> bytes:
        mode = self.mode["mode"]
        if mode == "none" and command in BY_TICKET:
            return frame[:8] + struct.pack("<i", 0) + frame[12:]
        if mode == "other":
            return frame[:4] + struct.pack("<I", command + 1) + frame[8:]
        if mode == "short" and len(frame) > 12:
            return struct.pack("<I", len(frame) - 5) + frame[4:-1]
        if mode == "long":
            return struct.pack("<I", len(frame) - 3) + frame[4:] + b"\0"
        return frame

    def value(self, command: Command) -> Any:
        phase = self.mode.get("phase", 0)
        count = {"many": 2, "none": 0}.get(self.mode["mode"], 1)
        if command is Command.VERSION:
            return VERSION
        if command in NOTHING:
            return None
        if command in COUNTS:
            return COUNTS[command]
        if command in ONE:
            return record(ONE[command], phase)
        if command in MANY:
            return tuple(record(MANY[command], phase) for _ in range(count))
        rows, layout = ROWS[command]
        return struct.pack(layout, *surface.row(rows, phase)) * count


def record(structure: str, phase: int) -> Any:
    names = [name for name, kind in surface.fields(structure) if kind in surface.VALUES]
    pairs = zip(names, surface.values(structure, phase), strict=True)
    return getattr(records, structure)(**dict(pairs))


def address_of(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()
    return f"{host}:{port}"


async def main(pipe: Path | None) -> None:
    """Serve until the process that started this one ends."""
    terminal = MadeTerminal()
    address = None
    if pipe is None:
        server = await asyncio.start_server(terminal.serve, "127.0.0.1", 0)
        address = address_of(server)
    else:
        from hybrid_bridge.simulator.pipe import TerminalPipe

        await TerminalPipe(pipe).open(terminal.serve)
    control = await asyncio.start_server(terminal.control, "127.0.0.1", 0)
    ready = {"simulator": address, "control": address_of(control)}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", action="store_true")
    parser.add_argument("--pipe", type=Path)
    asyncio.run(main(parser.parse_args().pipe))
