"""Ticks as a market gives them, drawn and not replayed: prices that wander by points, spreads that breathe.

Pure; the same seed gives the same ticks. What is measured of sizes and compression depends on how much one
tick is like the next, so the ticks are as like each other as real ones and no more.
"""

import random
from collections.abc import Sequence

from hybrid_bridge.core.market import SequencedTick, Tick
from hybrid_bridge.simulator.catalogue import CATALOGUE

BEAT_MSC = 100
STEP_POINTS = 1.5  # Standard deviation from one tick of a symbol to its next.
SPREADS = (1.0, 1.0, 1.0, 1.25, 1.5)  # Times the symbol's usual one.

_SPECS = {spec.name: spec for spec in CATALOGUE}


class Market:
    """Several symbols that tick at random."""

    def __init__(self, symbols: Sequence[str], seed: int = 1) -> None:
        self._symbols = list(symbols)
        self._chance = random.Random(seed)
        self._points = {name: _SPECS[name].price * 10 ** _SPECS[name].digits for name in symbols}
        self._seqs = dict.fromkeys(symbols, 0)

    def beat(self, count: int, time_msc: int) -> list[SequencedTick]:
        """Return so many ticks of the beat that ends at a time, oldest first."""
        times = sorted(time_msc - self._chance.randrange(BEAT_MSC) for _ in range(count))
        return [self._tick(self._chance.choice(self._symbols), moment) for moment in times]

    def _tick(self, symbol: str, time_msc: int) -> SequencedTick:
        spec = _SPECS[symbol]
        self._seqs[symbol] += 1
        self._points[symbol] += self._chance.gauss(0, STEP_POINTS)
        bid = round(self._points[symbol])
        ask = bid + round(spec.spread_points * self._chance.choice(SPREADS))
        scale = 10**spec.digits
        tick = Tick(symbol, bid / scale, ask / scale, 0.0, 0, time_msc)
        return SequencedTick(tick, self._seqs[symbol])
