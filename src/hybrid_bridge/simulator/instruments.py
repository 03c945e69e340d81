"""One symbol as it lives in the simulated terminal: its quote, its ticks, what the account has on it.

Owns the last quote, the day's extremes, the tick and bar stores, the open positions and working
orders of the symbol and the prices at which the next of them is due. It decides no trade: matching
does. The exchange feeds it ticks.
"""

from __future__ import annotations

from decimal import Decimal
from math import inf

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.bars import BarSeries
from hybrid_bridge.simulator.exposure import Exposure
from hybrid_bridge.simulator.positions import Position
from hybrid_bridge.simulator.records import Tick, TradeOrder
from hybrid_bridge.simulator.symbols import SymbolSpec
from hybrid_bridge.simulator.ticks import QUOTE_FLAGS, TickStore

_DAY_MSC = 86_400_000
_NOTHING_TAKEN = (Decimal(0), Decimal(0))
_MARKET_TYPES = (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)
_DUE_WHEN_BID_FALLS = (mt5.ORDER_TYPE_SELL_STOP, mt5.ORDER_TYPE_SELL_STOP_LIMIT)
_DUE_WHEN_ASK_RISES = (mt5.ORDER_TYPE_BUY_STOP, mt5.ORDER_TYPE_BUY_STOP_LIMIT)


class Instrument:
    """A symbol's live state."""

    __slots__ = (
        "_ask_falls_to",
        "_ask_rises_to",
        "_bid_falls_to",
        "_bid_rises_to",
        "_day",
        "_inverse_point",
        "_taken",
        "ask",
        "ask_high",
        "ask_low",
        "bars",
        "bid",
        "bid_high",
        "bid_low",
        "booked",
        "exposure",
        "flags",
        "held_until_msc",
        "orders",
        "positions",
        "resting",
        "selected",
        "session_open",
        "spec",
        "ticks",
        "time_msc",
    )

    def __init__(self, spec: SymbolSpec, tick_rows: int, max_bars: int) -> None:
        self.spec = spec
        self.selected = False
        self.booked = False
        self.bid = self.ask = 0.0
        self.bid_high = self.bid_low = self.ask_high = self.ask_low = self.session_open = 0.0
        self.time_msc = 0
        self.flags = 0
        self.ticks = TickStore(tick_rows)
        self.bars = BarSeries(max_bars)
        self.positions: dict[int, Position] = {}
        self.exposure = Exposure(spec)
        self.orders: dict[int, TradeOrder] = {}
        # Market orders that wait for a counterparty; until when some are held back.
        self.resting: set[int] = set()
        self.held_until_msc: dict[int, int] = {}
        # Lots taken of the present quote: by sells, by buys.
        self._taken = _NOTHING_TAKEN
        self._day = -1
        self._inverse_point = 10.0**spec.digits
        self._bid_falls_to = self._ask_falls_to = 0.0
        self._bid_rises_to = self._ask_rises_to = inf

    @property
    def quoted(self) -> bool:
        """Tell whether it has had a tick."""
        return self.time_msc > 0

    def take_tick(self, time_msc: int, bid: float, ask: float) -> None:
        """Take a tick: server clock in milliseconds, prices in price units.

        A tick dated before the last one is dated like the last one: the store stays in order.
        """
        if time_msc < self.time_msc:
            time_msc = self.time_msc
        if self.time_msc == 0:
            flags = QUOTE_FLAGS
        else:
            flags = (mt5.TICK_FLAG_BID if bid != self.bid else 0) | (
                mt5.TICK_FLAG_ASK if ask != self.ask else 0
            )
        self.time_msc, self.bid, self.ask, self.flags = time_msc, bid, ask, flags
        self._taken = _NOTHING_TAKEN
        self.ticks.append(time_msc, bid, ask, flags)
        self.bars.add_tick(time_msc // 1000, bid, round((ask - bid) * self._inverse_point))
        if time_msc // _DAY_MSC != self._day:
            self._begin_day(time_msc // _DAY_MSC)
            return
        if bid > self.bid_high:
            self.bid_high = bid
        elif bid < self.bid_low:
            self.bid_low = bid
        if ask > self.ask_high:
            self.ask_high = ask
        elif ask < self.ask_low:
            self.ask_low = ask

    def _begin_day(self, day: int) -> None:
        self._day = day
        self.bid_high = self.bid_low = self.session_open = self.bid
        self.ask_high = self.ask_low = self.ask

    def tick(self) -> Tick:
        """Give the last tick as a terminal reports it."""
        return Tick(
            time=self.time_msc // 1000,
            bid=self.bid,
            ask=self.ask,
            time_msc=self.time_msc,
            flags=self.flags,
        )

    def opening_price(self, buy: bool) -> float:
        """Give the price at which a buy or a sell is filled."""
        return self.ask if buy else self.bid

    def closing_price(self, position: Position) -> float:
        """Give the price at which a position would be closed."""
        return self.bid if position.is_buy else self.ask

    def available(self, buy: bool, volume: Decimal) -> Decimal:
        """Give how much of a volume (lots) the present quote still takes, on the volume's step."""
        if not self.spec.liquidity:
            return volume
        left = Decimal(repr(self.spec.liquidity)) - self._taken[buy]
        return min(volume, self.spec.whole_steps(left))

    def take_volume(self, buy: bool, volume: Decimal) -> None:
        """Take lots out of the present quote."""
        sold, bought = self._taken
        self._taken = (sold, bought + volume) if buy else (sold + volume, bought)

    def points(self, distance: float) -> float:
        """Give a distance in price units as points, without binary noise."""
        return round(distance * self._inverse_point, 4)

    def volume_in_direction(self, buy: bool) -> Decimal:
        """Give the lots of open positions and working orders in one direction."""
        open_lots = sum((p.volume for p in self.positions.values() if p.is_buy == buy), Decimal(0))
        # Order types alternate: even ones buy, odd ones sell.
        return open_lots + sum(
            (Decimal(repr(o.volume_current)) for o in self.orders.values() if (o.type % 2 == 0) == buy),
            Decimal(0),
        )

    def watch_position(self, position: Position) -> None:
        """Mind the levels of a new or changed position."""
        if position.is_buy:
            self._bid_falls_to = max(self._bid_falls_to, position.sl)
            self._bid_rises_to = min(self._bid_rises_to, position.tp or inf)
        else:
            self._ask_rises_to = min(self._ask_rises_to, position.sl or inf)
            self._ask_falls_to = max(self._ask_falls_to, position.tp)

    def watch_order(self, order: TradeOrder) -> None:
        """Mind the price of a new or changed working order."""
        if order.type in _MARKET_TYPES:
            self.resting.add(order.ticket)
        elif order.type in _DUE_WHEN_BID_FALLS:
            self._bid_falls_to = max(self._bid_falls_to, order.price_open)
        elif order.type in _DUE_WHEN_ASK_RISES:
            self._ask_rises_to = min(self._ask_rises_to, order.price_open)
        elif order.type == mt5.ORDER_TYPE_BUY_LIMIT:
            self._ask_falls_to = max(self._ask_falls_to, order.price_open)
        elif order.type == mt5.ORDER_TYPE_SELL_LIMIT:
            self._bid_rises_to = min(self._bid_rises_to, order.price_open)

    def forget_order(self, ticket: int) -> None:
        """Drop an order that is done."""
        del self.orders[ticket]
        self.resting.discard(ticket)
        self.held_until_msc.pop(ticket, None)

    def something_due(self) -> bool:
        """Tell whether the quote has reached any level of a position or order.

        Levels of what has gone are still minded until the quote reaches one of them: then, and only
        then, all are gathered anew, so that a tick costs the same however many there are.
        """
        if not self._reached():
            return False
        self._bid_falls_to = self._ask_falls_to = 0.0
        self._bid_rises_to = self._ask_rises_to = inf
        for position in self.positions.values():
            self.watch_position(position)
        for order in self.orders.values():
            self.watch_order(order)
        return self._reached()

    def _reached(self) -> bool:
        return (
            self.bid <= self._bid_falls_to
            or self.bid >= self._bid_rises_to
            or self.ask <= self._ask_falls_to
            or self.ask >= self._ask_rises_to
        )
