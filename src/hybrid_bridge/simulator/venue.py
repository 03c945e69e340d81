"""The parts of one simulated trade server, joined.

Owns their wiring and the few questions that need several of them: is a symbol there and quoted, is
its market open. The desk's requests, the triggers and the rollover work on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.books import Books
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.funds import Funds
from hybrid_bridge.simulator.instruments import Instrument
from hybrid_bridge.simulator.matching import Matching
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import TradeOrder
from hybrid_bridge.simulator.retcodes import RefusedError
from hybrid_bridge.simulator.valuation import Valuation


@dataclass(frozen=True)
class Venue:
    """Everything a request or a tick works on."""

    config: ExchangeConfig
    instruments: dict[str, Instrument]
    books: Books
    valuation: Valuation
    funds: Funds
    matching: Matching

    @property
    def now_s(self) -> int:
        """Give the server's clock in seconds."""
        return self.books.now_msc // 1000

    def is_open(self, instrument: Instrument) -> bool:
        """Tell whether a symbol trades now."""
        return not self.config.enforce_sessions or instrument.spec.is_open(self.now_s)

    def instrument(self, symbol: str) -> Instrument:
        """Give a symbol that has a quote.

        Raises:
            RefusedError: 10013 for an unknown symbol, 10021 for one without a quote.
        """
        instrument = self.instruments.get(symbol)
        if instrument is None:
            raise RefusedError(mt5.TRADE_RETCODE_INVALID)
        if not instrument.quoted:
            raise RefusedError(mt5.TRADE_RETCODE_PRICE_OFF)
        return instrument

    def check_open(self, instrument: Instrument) -> None:
        """Refuse to trade outside the symbol's sessions.

        Raises:
            RefusedError: 10018.
        """
        if not self.is_open(instrument):
            raise RefusedError(mt5.TRADE_RETCODE_MARKET_CLOSED)

    def close_position(self, position: Position, *, reason: int, price_open: float, comment: str) -> None:
        """Close a position at the market on the server's own account: SL, TP or stop-out."""
        instrument = self.instruments[position.symbol]
        volume = float(position.volume)
        now_msc = self.books.now_msc
        order = TradeOrder(
            ticket=self.books.next_order(),
            time_setup=now_msc // 1000,
            time_setup_msc=now_msc,
            type=position.closing_type,
            magic=position.magic,
            position_id=position.identifier,
            reason=reason,
            volume_initial=volume,
            volume_current=volume,
            price_open=price_open,
            symbol=position.symbol,
            comment=comment,
        )
        self.matching.fill(order, instrument.closing_price(position), closing=position)
