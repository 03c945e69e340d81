"""An open position of the simulated account.

Owns its state and the record a terminal reports of it. It is frozen: a change is a new state that the
books put in the old one's place. It computes no money; `valuation.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.records import TradePosition


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One open position; volume in lots, money in the account's currency, exact decimals.

    `margin_per_lot` is what one lot of it would block alone, at the prices it was opened at.
    """

    ticket: int
    identifier: int
    symbol: str
    type: int
    volume: Decimal
    price_open: Decimal
    margin_per_lot: Decimal
    time_msc: int
    time_update_msc: int
    sl: float = 0.0
    tp: float = 0.0
    magic: int = 0
    comment: str = ""
    reason: int = mt5.POSITION_REASON_EXPERT
    swap: Decimal = Decimal(0)

    @property
    def is_buy(self) -> bool:
        """Tell whether it is long."""
        return self.type == mt5.POSITION_TYPE_BUY

    @property
    def closing_type(self) -> int:
        """Give the type of the deal that closes it."""
        return mt5.ORDER_TYPE_SELL if self.is_buy else mt5.ORDER_TYPE_BUY

    def record(self, price_current: float, profit: Decimal) -> TradePosition:
        """Give the record a terminal reports."""
        return TradePosition(
            ticket=self.ticket,
            time=self.time_msc // 1000,
            time_msc=self.time_msc,
            time_update=self.time_update_msc // 1000,
            time_update_msc=self.time_update_msc,
            type=self.type,
            magic=self.magic,
            identifier=self.identifier,
            reason=self.reason,
            volume=float(self.volume),
            price_open=float(self.price_open),
            sl=self.sl,
            tp=self.tp,
            price_current=price_current,
            swap=float(self.swap),
            profit=float(profit),
            symbol=self.symbol,
            comment=self.comment,
        )
