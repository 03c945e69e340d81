"""The ledger: every accepted deal as one JSON line, written before the client hears of it.

Owns the file, opened for append, and the form of a line. The deposit is not a line: the ledger holds
trades. Tests judge the bridge by it, so a line is in the hands of the operating system before the
reply leaves. A restarted server goes on with ticket numbers above those in it.

A line's keys: deal, order, position, symbol, type (0 buy, 1 sell), entry (0 in, 1 out, 2 in/out,
3 out by), volume (lots), price, profit, commission, swap, fee, magic, comment, reason, time_msc
(server's clock), utc_msc, balance (after the deal).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from hybrid_bridge.simulator.records import TradeDeal


class LedgerError(Exception):
    """The ledger's file holds something that is no ledger line."""


class Ledger:
    """An append-only file of deals; use it as a context or close it."""

    def __init__(self, path: Path | str) -> None:
        """Open the file for append, reading what it holds for its highest tickets.

        Raises:
            LedgerError: naming file and line, if the file is no ledger.
            OSError: if the file cannot be opened for append.
        """
        self._path = Path(path)
        self.last_deal = 0
        self.last_order = 0
        if self._path.exists():
            self._read_tickets()
        self._file = self._path.open("a", encoding="utf-8", newline="\n")

    def _read_tickets(self) -> None:
        with self._path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    row = json.loads(line)
                    deal, order, position = int(row["deal"]), int(row["order"]), row["position"]
                except (ValueError, KeyError, TypeError) as error:
                    raise LedgerError(
                        f"{self._path}, line {number}: expected a JSON object with deal, order and "
                        f"position, saw {line[:80]!r}; move the file away to begin a new ledger"
                    ) from error
                self.last_deal = max(self.last_deal, deal)
                self.last_order = max(self.last_order, order, int(position))

    def write(self, deal: TradeDeal, *, utc_msc: int, balance: float) -> None:
        """Write one deal and hand it to the operating system."""
        row = {
            "deal": deal.ticket,
            "order": deal.order,
            "position": deal.position_id,
            "symbol": deal.symbol,
            "type": deal.type,
            "entry": deal.entry,
            "volume": deal.volume,
            "price": deal.price,
            "profit": deal.profit,
            "commission": deal.commission,
            "swap": deal.swap,
            "fee": deal.fee,
            "magic": deal.magic,
            "comment": deal.comment,
            "reason": deal.reason,
            "time_msc": deal.time_msc,
            "utc_msc": utc_msc,
            "balance": balance,
        }
        self._file.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
