"""What the demo backend makes of each message: ticks become signals, old positions are closed.

Pure: a message and the time in, messages out; no socket, no clock. Called by backend.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hybrid_bridge.demo.strategy import Momentum

log = logging.getLogger("demo-backend")

REMEMBERED_MAX = 1_000

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the bridge."""

    kind: str
    content: Content

    @property
    def envelope(self) -> Content:
        """Return it as the contract has it."""
        return {"type": self.kind, "data": self.content}


class Desk:
    """Trades what the strategy suggests and looks after the positions that came of it.

    Args:
        ids: gives the signals' ids, none twice.
        hold_s: how long a position is held; seconds.
    Attributes:
        ticks: how many were seen.
        results: how many by status.
    """

    def __init__(self, strategy: Momentum, ids: Iterator[str], hold_s: float) -> None:
        self._strategy = strategy
        self._ids = ids
        self._hold_ms = int(hold_s * 1000)
        self._sent: deque[str] = deque(maxlen=REMEMBERED_MAX)  # ids of own signals
        self._told: deque[tuple[str, str]] = deque(maxlen=REMEMBERED_MAX)  # (id, status) of results
        self._mine: dict[int, int] = {}  # tickets of own positions, and when opened or last asked to close
        self._balance: float | None = None
        self._open: set[int] = set()
        self.ticks = 0
        self.results: Counter[str] = Counter()

    def react(self, message: Content, now_msc: int) -> list[Outgoing]:
        """Take one message of the bridge in and return what to send for it.

        Args:
            now_msc: the present, UTC milliseconds.
        """
        content = message["data"]
        match message["type"]:
            case "tick_data":
                return self._on_tick(content, now_msc)
            case "positions":
                return self._on_positions(content, now_msc)
            case "trade_result":
                self._on_result(content, now_msc)
            case "account_info":
                self._on_account(content)
            case "error":
                log.warning("the bridge objects: %(reason)s: %(detail)s, of %(of)s", content)
        return []

    def _on_tick(self, tick: Content, now_msc: int) -> list[Outgoing]:
        idea = self._strategy.on_tick(tick["symbol"], tick["bid"], tick["ask"], tick["time_msc"], now_msc)
        self.ticks += 1
        if idea is None:
            return []
        signal_id = next(self._ids)
        self._sent.append(signal_id)
        signal = {
            "id": signal_id,
            "symbol": idea.symbol,
            "action": idea.action,
            "stop_loss": idea.stop_loss,
            "take_profit": idea.take_profit,
            "comment": "demo momentum",
            "timestamp": _iso_utc(now_msc),
        }
        return [Outgoing("trading_signal", signal)]

    def _on_result(self, result: Content, now_msc: int) -> None:
        key = (result["signal_id"], result["status"])
        if key in self._told:  # Results come over both channels; each counts once.
            return
        self._told.append(key)
        self.results[result["status"]] += 1
        why = f" ({result['reason']}: {result['detail']})" if result["reason"] else ""
        log.info(
            "%s %s %s: %s%s", result["action"], result["volume"], result["symbol"], result["status"], why
        )
        if result["signal_id"] in self._sent and result["status"] in ("filled", "partial"):
            self._mine[result["ticket"]] = now_msc

    def _on_account(self, account: Content) -> None:
        if account["balance"] != self._balance:
            self._balance = account["balance"]
            log.info("balance %(balance)s, equity %(equity)s %(currency)s", account)

    def _on_positions(self, positions: list[Content], now_msc: int) -> list[Outgoing]:
        tickets = {position["ticket"] for position in positions}
        if tickets != self._open:
            self._open = tickets
            profit = sum(position["profit"] for position in positions)
            log.info("%d positions open, profit %.2f", len(positions), profit)
        return self._close_aged(tickets, now_msc)

    def _close_aged(self, tickets: set[int], now_msc: int) -> list[Outgoing]:
        """Close the first own position that is old enough; other people's are none of our business."""
        for ticket, since_msc in list(self._mine.items()):
            if now_msc - since_msc < self._hold_ms:
                continue
            if ticket in tickets:
                self._mine[ticket] = now_msc  # Ask again after as long, should this get lost.
                return [Outgoing("close_position", {"ticket": ticket, "id": next(self._ids)})]
            del self._mine[ticket]
        return []


def _iso_utc(msc: int) -> str:
    moment = datetime.fromtimestamp(msc / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
