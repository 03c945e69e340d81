"""What the siege sends: signals, commands and nonsense, each with what it may and may not bring about.

Owns the making of messages and the diary of what was sent. Pure but for the diary; everything drawn follows
from the seed. The traffic sends them, the judge reads the diary.
"""

import json
import random
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# Many, for while the outcome of an order is not known its symbol takes no other.
SYMBOLS = (
    *("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD", "USDCHF", "USDCAD", "USDJPY", "EURGBP", "EURCHF", "EURAUD"),
    *("EURCAD", "EURNZD", "EURJPY", "GBPJPY", "GBPCHF", "GBPAUD", "GBPCAD", "AUDJPY", "AUDNZD", "CADJPY"),
)
FORBIDDEN_SYMBOL = "EURSEK"
VOLUMES = (0.01, 0.02, 0.03, 0.04, 0.05)
STALE_S = 3_600.0
NONSENSE = (
    "{not json",
    '{"type":"launch_rocket","data":{}}',
    '{"type":"trading_signal","data":{"symbol":1,"action":"BUY"}}',
    '{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":NaN}}',
    '{"type":"trading_signal","data":{"symbol":"EURUSD","symbol":"USDJPY","action":"BUY","volume":0.01}}',
    '{"type":"trading_signal","data":{"symbol":"EURUSD","action":"HOLD","volume":0.01,"stop_loss":0.5}}',
    '{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":-1,"stop_loss":0.5}}',
    '{"type":"trading_signal","data":{"symbol":"EURUSD","action":"BUY","volume":1e999,"stop_loss":0.5}}',
    '{"type":"close_position","data":{"ticket":"all"}}',
    "[" * 20_000,
    "\u0000",
    "",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message that was sent, on one way, once.

    Attributes:
        id: of the signal or command; empty where it brings none.
        kind: entry, close, modify, or nonsense.
        way: websocket or redpanda.
        flavour: why it was sent in this shape, for the report.
        comment: what the deal's comment must begin with; the witness that the bridge's journal is not.
        volume: lots; 0 for a whole position.
        may_act: whether it may bring about a deal at all.
        at_s: when it was sent, seconds since 1970.
    """

    id: str
    kind: str
    way: str
    flavour: str
    comment: str
    volume: float
    may_act: bool
    body: str
    at_s: float


class Maker:
    """Draws messages."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._count = 0

    def next_id(self, letter: str) -> str:
        """Return an id that was never used."""
        self._count += 1
        return f"{letter}{self._count:05d}"

    def signal(self, signal_id: str, comment: str, **changes: object) -> dict[str, Any]:
        """Draw the data of one entry signal whose stop is never reached."""
        symbol = self._draw.choice(SYMBOLS)
        action = self._draw.choice(("BUY", "SELL"))
        yen = symbol.endswith("JPY")
        stop = (20.0 if yen else 0.2) if action == "BUY" else (500.0 if yen else 9.0)
        data: dict[str, Any] = {
            "id": signal_id,
            "symbol": symbol,
            "action": action,
            "volume": self._draw.choice(VOLUMES),
            "stop_loss": stop,
            "comment": comment,
        }
        if self._draw.random() < 0.5:
            data["timestamp"] = moment()
        data.update(changes)
        return {name: value for name, value in data.items() if value is not None}


def moment(ahead_s: float = 0.0) -> str:
    """Return the present time, or one before or after it, as messages spell it."""
    at = datetime.now(UTC) + timedelta(seconds=ahead_s)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(kind: str, data: dict[str, Any]) -> str:
    """Spell one message."""
    return json.dumps({"type": kind, "data": data})


class Diary:
    """Keeps what was sent, as JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Wanted] = []
        self._file = path.open("a", encoding="utf-8")

    def note(self, wanted: Wanted) -> None:
        """Keep one message, before it is sent."""
        self.entries.append(wanted)
        self._file.write(json.dumps(asdict(wanted)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
