"""Who asks for trades: a strategy, a backend's operator, a person at the terminal, a person who stops it all.

Owns what each of them sends and when, by the seed, and remembers all of it for the judge: `orders.Sent`. They
know only what an outsider knows: what they sent, and what the bridge told.
"""

import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripts.simulation.market import SYMBOLS
from scripts.simulation.orders import Sent

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.terms import Terms

if TYPE_CHECKING:
    from scripts.simulation.world import World

BY_HAND = Terms(reason=mt5.ORDER_REASON_CLIENT)
FLOOD, FLOOD_OF_STOPS = 1_100, 130
MALFORMED = (
    b"",
    b"{",
    b"\xff\xfe",
    b'{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":NaN}}',
    b'{"type":"trading_signal","type":"x","data":{}}',
    b'{"type":"trading_signal","data":{"symbol":"EURUSD","action":"HOLD","volume":0.1}}',
    b'{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":"0.1","stop_loss":1.0}}',
    b'{"type":"buy_everything","data":{}}',
    b'[{"type":"trading_signal"}]',
)


def envelope(kind: str, data: dict[str, Any]) -> bytes:
    """Encode a message of the contract."""
    return json.dumps({"type": kind, "data": data}).encode()


def iso(msc: int) -> str:
    """Write a moment as the contract wants it."""
    return datetime.fromtimestamp(msc / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Traders:
    """All that comes from outside."""

    def __init__(self, world: "World", draw: random.Random) -> None:
        self._world = world
        self._draw = draw
        self._numbers = 0
        self._commands = 0
        self._files = 0
        self._commands_left = 0
        self._sent: list[Sent] = []

    def schedule(self, until_s: float, signals: int, commands: int, hands: int, stops: int) -> None:
        """Plan so many of each up to a moment."""
        draw, timeline = self._draw, self._world.timeline
        moments = [draw.uniform(2.0, until_s) for _ in range(signals)]
        for at_s in moments:
            for _ in range(draw.choice((1, 1, 1, 1, 2, 6))):
                timeline.at(at_s + draw.random() * 0.3, self.signal)
        for _ in range(stops):
            # Half of them amid what is being decided.
            amid = draw.random() < 0.5
            at_s = draw.choice(moments) + draw.random() * 0.4 if amid else draw.uniform(5.0, until_s)
            timeline.at(at_s, self._stop)
        for count, act in ((commands, self._command), (hands, self._by_hand)):
            for _ in range(count):
                timeline.at(draw.uniform(5.0, until_s), act)

    def schedule_flood(self, kind: str, at_s: float) -> None:
        """Plan more messages at one moment than the inbox holds."""
        self._world.timeline.at(at_s, lambda: self._flood(kind))

    def _flood(self, kind: str) -> None:
        world = self._world
        world.note("sent", f"a flood of {kind}")
        if kind == "signals":
            stale = iso(world.market.utc_ms - 3_600_000)
            for number in range(FLOOD):
                body = {"id": f"flood-{number}", "symbol": SYMBOLS[0], "action": "BUY", "timestamp": stale}
                self._to_log(envelope("trading_signal", body))
        elif kind == "malformed":
            for _ in range(FLOOD):
                self._to_log(MALFORMED[1])
        else:
            for number in range(FLOOD_OF_STOPS):
                reason = f"flood stop {number}"
                world.backend.ask(
                    reason, envelope("emergency_stop", {"reason": reason}), until_answered=False
                )

    # Signals

    def signal(self) -> None:
        """Send a signal, or something like one."""
        draw, world = self._draw, self._world
        roll = draw.random()
        if roll < 0.05:
            self._to_log(draw.choice(MALFORMED) if draw.random() < 0.9 else None)
            return
        if roll < 0.15 and self._sent:
            self._again(draw.choice(self._sent[-6:]), conflict=draw.random() < 0.3)
            return
        self._numbers += 1
        key = f"s{self._numbers}"
        body = self._body(key)
        over_log = draw.random() < 0.65
        sent = Sent(key, body, world.timeline.now_s, over_log)
        self._sent.append(sent)
        world.orders.sent[key] = sent
        raw = envelope("trading_signal", body)
        world.note("sent", f"{key} {'log' if over_log else 'websocket'} {json.dumps(body)}")
        if over_log:
            sent.offsets.append(self._to_log(raw))
            if draw.random() < 0.1:  # A producer that did not hear of its success.
                sent.offsets.append(self._to_log(raw))
        else:
            world.backend.ask(key, raw)

    def _body(self, key: str) -> dict[str, Any]:
        draw, world = self._draw, self._world
        symbol = draw.choice(SYMBOLS)
        price = world.market.prices[symbol]
        buy = draw.random() < 0.5
        distance = draw.randrange(150, 900)
        stop = price.bid - distance if buy else price.bid + price.spread + distance
        target = price.bid + 1500 if buy else price.bid - 1500
        body: dict[str, Any] = {
            "id": key,
            "symbol": symbol,
            "action": "BUY" if buy else "SELL",
            "comment": key,
            "stop_loss": round(stop * price.point, price.digits),
            "take_profit": round(target * price.point, price.digits),
        }
        roll = draw.random()
        if roll < 0.7:
            body["volume"] = draw.choice((0.01, 0.1, 0.2, 0.5, 1.0))
        elif roll < 0.75:
            body["volume"] = 50.0
        now_ms = world.market.utc_ms
        roll = draw.random()
        if roll < 0.6:
            body["timestamp"] = iso(now_ms)
        elif roll < 0.65:
            body["timestamp"] = iso(now_ms - draw.choice((4_000, 60_000, 86_400_000)))
        elif roll < 0.68:
            body["timestamp"] = iso(now_ms + 3_600_000)
        if draw.random() < 0.05:
            body["expires_at"] = iso(now_ms + draw.choice((-1000, 100, 1000)))
        if draw.random() < 0.04:
            del body["stop_loss"]
        return body

    def _again(self, sent: Sent, *, conflict: bool) -> None:
        """Send a signal a second time, perhaps on the other channel, perhaps changed under the same id."""
        body = dict(sent.body)
        if conflict:
            body["volume"] = 0.03
            sent.variants.append(body)
        raw = envelope("trading_signal", body)
        self._world.note("sent", f"{sent.key} again{', changed' if conflict else ''}")
        if self._draw.random() < 0.5:
            sent.offsets.append(self._to_log(raw))
        else:
            self._world.backend.ask(sent.key, raw, until_answered=False)

    def _to_log(self, raw: bytes | None) -> int:
        return self._world.topic.append(raw, self._world.market.utc_ms)

    # Commands

    def _command(self) -> None:
        draw, world = self._draw, self._world
        tickets = sorted(world.backend.positions)
        if not tickets:
            return
        ticket = draw.choice(tickets[-5:])
        self._commands += 1
        key = f"c{self._commands}"
        body: dict[str, Any] = {"id": key, "ticket": ticket}
        if draw.random() < 0.7:
            kind = "close_position"
            if draw.random() < 0.3:
                body["volume"] = draw.choice((0.01, 0.05, 0.1))
        else:
            kind = "modify_position"
            held = next((row for row in world.market.exchange.positions() if row.ticket == ticket), None)
            if held is None:
                return
            price = world.market.prices[held.symbol]
            away = draw.randrange(100, 900) * (1 if held.type == 0 else -1)
            body["stop_loss"] = round((price.bid - away) * price.point, price.digits)
        over_log = draw.random() < 0.5
        sent = Sent(key, body, world.timeline.now_s, over_log, command=kind)
        world.orders.sent[key] = sent
        world.note("sent", f"{key} {kind} {json.dumps(body)} {'log' if over_log else 'websocket'}")
        raw = envelope(kind, body)
        if over_log:
            sent.offsets.append(self._to_log(raw))
        else:
            world.backend.ask(key, raw)

    # By hand

    def _by_hand(self) -> None:
        draw, world = self._draw, self._world
        world.market.catch_up()
        exchange = world.market.exchange
        roll, positions = draw.random(), exchange.positions()
        symbol = draw.choice(SYMBOLS)
        if roll < 0.4 and positions:
            held = draw.choice(positions)
            request = TradeRequest(
                action=mt5.TRADE_ACTION_DEAL, symbol=held.symbol, volume=held.volume, type=1 - held.type,
                position=held.ticket,
            )  # fmt: skip
        elif roll < 0.8:
            stop = round((world.market.prices[symbol].bid - 2_000) * world.market.prices[symbol].point, 5)
            request = TradeRequest(
                action=mt5.TRADE_ACTION_DEAL, symbol=symbol, volume=0.02, type=0,
                sl=stop if draw.random() < 0.8 else 0.0,
            )  # fmt: skip
        else:
            price = world.market.prices[symbol]
            request = TradeRequest(
                action=mt5.TRADE_ACTION_PENDING, symbol=symbol, volume=0.02, type=mt5.ORDER_TYPE_BUY_LIMIT,
                price=round((price.bid - 3_000) * price.point, price.digits),
            )  # fmt: skip
        world.hand_trades += 1
        result = exchange.order_send(request, BY_HAND)
        world.note("by hand", f"action {request.action} {symbol} {request.volume:g}: {result.retcode}")

    # Stops

    def _stop(self) -> None:
        draw, world = self._draw, self._world
        self._files += 1
        reason = f"stop {self._files}"
        data: dict[str, Any] = {"reason": reason}
        if draw.random() < 0.6:
            data["close_positions"] = draw.random() < 0.7
        if draw.random() < 0.2:
            data["cancel_orders"] = False
        self.by_any_channel("emergency_stop", reason, data)
        if draw.random() < 0.75:
            world.timeline.after(draw.choice((0.5, 5.0, 60.0, 120.0)) * (0.5 + draw.random()), self._resume)

    def _resume(self) -> None:
        if self._draw.random() < 0.7:
            self.resume_by_file()
        else:
            self._files += 1
            reason = f"resume {self._files}"
            self.by_any_channel("resume_trading", reason, {"reason": reason})

    def resume_by_file(self) -> None:
        """Lift a halt as a person at the PC does."""
        self._files += 1
        reason = f"resume {self._files}"
        self.by_file("resume_trading", {"reason": reason})

    def by_any_channel(self, kind: str, reason: str, data: dict[str, Any]) -> None:
        """Send a command on a channel that the seed chooses."""
        channel = self._draw.choice(("log", "websocket", "local"))
        if channel == "local":
            self.by_file(kind, data)
            return
        self._world.note("sent", f"{kind} {data} {channel}")
        if channel == "log":
            self._to_log(envelope(kind, data))
        else:
            self._world.backend.ask(reason, envelope(kind, data))

    def by_file(self, kind: str, data: dict[str, Any]) -> None:
        """Leave a command as `hybrid-bridge stop` does, under a name that the seed gives."""
        self._commands_left += 1
        self._world.note("sent", f"{kind} {data} local")
        folder = self._world.state_dir / "commands"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self._commands_left:06}.json").write_bytes(envelope(kind, data))
