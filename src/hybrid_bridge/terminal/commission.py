"""What a lot costs in commission, learned from the account's own deals: no function of the package tells it.

Runs inside the worker only; refreshed when symbols are selected and, a little at a time, before appraisals.
"""

import time
from typing import TYPE_CHECKING, Any

from hybrid_bridge.terminal.package import Package, PackageError

if TYPE_CHECKING:
    from hybrid_bridge.terminal.session import Log

LEARN_FROM_DAYS = 30
REFRESH_S = 60.0
DAY_S = 86_400
# The server's clock is ahead of or behind UTC by at most 14 hours.
CLOCK_SLACK_S = DAY_S

ENTRY_IN = 0
ENTRIES_OUT = (1, 3)
TRADE_TYPES = (0, 1)
# A position reopened at midnight for its swap costs no commission (MQL5 reference, ENUM_DEAL_REASON).
REASON_ROLLOVER = 7


class _Side:
    """Sum of costs and lots of the deals on one side (in or out) of a symbol."""

    __slots__ = ("cost", "lots")

    def __init__(self) -> None:
        self.cost = 0.0
        self.lots = 0.0

    def add(self, cost: float, lots: float) -> None:
        self.cost += cost
        self.lots += lots

    @property
    def per_lot(self) -> float | None:
        return self.cost / self.lots if self.lots else None


class CommissionBook:
    """Commission and fee per lot of each symbol, averaged over the last month's deals by volume."""

    def __init__(self) -> None:
        self._entries: dict[str, _Side] = {}
        self._exits: dict[str, _Side] = {}
        self._last_ticket = 0
        self._last_server_s = 0
        self._refresh_at = 0.0

    def per_lot(self, symbol: str) -> float:
        """Return what opening and closing one lot costs, account currency; 0.0 when no deal tells."""
        opened = self._entries.get(symbol, _Side()).per_lot
        closed = self._exits.get(symbol, _Side()).per_lot
        known = [rate for rate in (opened, closed) if rate is not None]
        if not known:
            return 0.0
        # As long as only one side has been seen, the other is taken to cost the same.
        return max(0.0, sum(known) * 2 / len(known))

    def refresh(self, package: Package, log: "Log") -> None:
        """Learn from deals that are new since the last time, at most once a minute."""
        if time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + REFRESH_S
        now_s = int(time.time())
        from_s = self._last_server_s or now_s - LEARN_FROM_DAYS * DAY_S
        try:
            deals = package.call("history_deals_get", from_s, now_s + CLOCK_SLACK_S)
        except PackageError as error:
            if package.link_lost:
                raise
            log("warning", "Commission could not be learned from the deals", error=str(error))
            return
        fresh = [deal for deal in deals if deal.ticket > self._last_ticket]
        for deal in fresh:
            self._learn(deal)
        if fresh:
            self._last_ticket = max(deal.ticket for deal in fresh)
            self._last_server_s = max(deal.time for deal in fresh)

    def _learn(self, deal: Any) -> None:
        if deal.type not in TRADE_TYPES or deal.volume <= 0 or deal.reason == REASON_ROLLOVER:
            return
        # Costs are booked as negative money.
        cost = -(deal.commission + deal.fee)
        if deal.entry == ENTRY_IN:
            self._entries.setdefault(deal.symbol, _Side()).add(cost, deal.volume)
        elif deal.entry in ENTRIES_OUT:
            self._exits.setdefault(deal.symbol, _Side()).add(cost, deal.volume)
