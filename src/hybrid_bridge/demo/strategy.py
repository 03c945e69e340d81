"""A simple momentum strategy: two moving averages of the mid price say which way it goes.

Pure: ticks in, ideas out; the clock is handed in. It exists to show how a backend works, not to earn money.
Called by backend.
"""

from collections import deque
from dataclasses import dataclass, field

FAST_TICKS, SLOW_TICKS = 20, 80  # The averages' spans.
WARM_UP_TICKS = 30
RANGE_TICKS = 200
STALE_MS = 5_000
# The stop stands at the widest of these from the entry, so that neither noise nor the spread takes it out.
STOP_RANGES, STOP_SPREADS, STOP_FRACTION = 3.0, 20.0, 0.002
REWARD = 1.5  # Take profit this many times as far away as the stop.
DIGITS_MAX = 8  # More decimals than any market quotes are noise of floating point.


@dataclass(frozen=True, slots=True)
class Idea:
    """An entry worth making; prices in the symbol's quote currency."""

    symbol: str
    action: str
    stop_loss: float
    take_profit: float


@dataclass(slots=True)
class _Market:
    """What is remembered of one symbol."""

    fast: float
    slow: float
    mids: deque[float] = field(default_factory=lambda: deque(maxlen=RANGE_TICKS))
    ticks: int = 0
    digits: int = 0
    quiet_until_msc: int = 0


class Momentum:
    """Follows any number of symbols; at most one idea per symbol in `every_ms`."""

    def __init__(self, every_ms: int) -> None:
        self._every_ms = every_ms
        self._markets: dict[str, _Market] = {}

    def on_tick(self, symbol: str, bid: float, ask: float, time_msc: int, now_msc: int) -> Idea | None:
        """Learn from a tick and say whether to trade on it.

        Args:
            time_msc: when the tick happened, UTC milliseconds; an old one is only learned from.
            now_msc: the present, UTC milliseconds.
        """
        mid = (bid + ask) / 2
        market = self._markets.setdefault(symbol, _Market(mid, mid))
        market.fast += (mid - market.fast) * 2 / (FAST_TICKS + 1)
        market.slow += (mid - market.slow) * 2 / (SLOW_TICKS + 1)
        market.mids.append(mid)
        market.ticks += 1
        market.digits = max(market.digits, _digits(bid), _digits(ask))
        trend = market.fast - market.slow
        if market.ticks < WARM_UP_TICKS or trend == 0 or now_msc < market.quiet_until_msc:
            return None
        if now_msc - time_msc > STALE_MS:
            return None
        market.quiet_until_msc = now_msc + self._every_ms
        return _idea(symbol, bid, ask, rising=trend > 0, market=market)


def _idea(symbol: str, bid: float, ask: float, *, rising: bool, market: _Market) -> Idea:
    spread = ask - bid
    moved = max(market.mids) - min(market.mids)
    distance = max(STOP_RANGES * moved, STOP_SPREADS * spread, STOP_FRACTION * bid)
    distance = min(distance, bid / 2)  # A price stays above zero.
    side = 1 if rising else -1
    entry = ask if rising else bid
    return Idea(
        symbol,
        "BUY" if rising else "SELL",
        round(entry - side * distance, market.digits),
        round(entry + side * distance * REWARD, market.digits),
    )


def _digits(price: float) -> int:
    """Return how many decimals a price is quoted with."""
    return min(DIGITS_MAX, len(repr(price).partition(".")[2]))
