"""Makes ticks that look like a market's.

Owns the random walk of each symbol: bursts, several ticks in one millisecond, spreads that widen and
settle. Everything follows from the seed, the symbol's name and the start; two runs give the same ticks
however they are asked for. Used by `feed.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from random import Random

from hybrid_bridge.simulator.replay import SourceTick
from hybrid_bridge.simulator.symbols import SymbolSpec

# Ticks in a burst, and how often a burst has so many; together 1.92 on average.
_BURST_SIZES = (1, 2, 3, 5, 8)
_BURST_CUMULATIVE_WEIGHTS = (60, 80, 90, 96, 100)
_BURST_MEAN = 1.92
_SAME_MILLISECOND_SHARE = 0.4
_BURST_STEP_MAX_MSC = 15
# A spread widens now and then by up to six times and settles over some ticks.
_WIDENING_SHARE = 0.003
_WIDENING_MAX = 6.0
_WIDENING_DECAY = 0.9
# Pulls the price back towards where it began, weakly: it must stay plausible for days.
_REVERSION = 2e-6


class SyntheticSymbol:
    """The endless ticks of one symbol."""

    def __init__(
        self,
        spec: SymbolSpec,
        *,
        seed: int,
        start_utc_msc: int,
        ticks_per_second: float,
        closed_for_s: Callable[[int], int],
    ) -> None:
        """Begin at the symbol's starting price.

        Args:
            spec: the symbol.
            seed: one number for the whole feed.
            start_utc_msc: no tick is before it.
            ticks_per_second: on average; above 0.
            closed_for_s: for a moment in UTC seconds, how long until the symbol trades; 0 if it does.
        """
        self.spec = spec
        # A market's noise need not be secret, it must be repeatable.
        self._random = Random(f"{seed}/{spec.name}")  # noqa: S311
        self._closed_for_s = closed_for_s
        self._usual_gap_msc = self._gap_msc = _BURST_MEAN / ticks_per_second * 1000
        self._step_max_msc = max(1, min(_BURST_STEP_MAX_MSC, int(self._gap_msc / 4)))
        ticks_per_point = spec.point / spec.tick_size
        self._spread = max(spec.spread_points * ticks_per_point, 1.0)
        self._volatility = spec.volatility_points * ticks_per_point
        self._anchor = self._level = spec.price / spec.tick_size
        self._widening = 0.0
        self._bid = self._ask = 0
        self._burst_msc = float(start_utc_msc)
        self._time_msc = start_utc_msc
        self._left_in_burst = 0
        self._begin_burst()

    def delay(self, msc: int) -> None:
        """Let the next tick and all after it be so much later."""
        self._burst_msc += msc
        self._time_msc += msc

    def change_speed(self, speed: float) -> None:
        """Give so many times more ticks than usual, after those of the present burst."""
        self._gap_msc = self._usual_gap_msc / speed

    @property
    def next_utc_msc(self) -> int:
        """Give when the next tick comes."""
        return self._time_msc

    def next_tick(self) -> SourceTick:
        """Give the next tick and decide when the one after it comes."""
        self._move()
        spec = self.spec
        tick = SourceTick(
            self._time_msc,
            spec.name,
            round(self._bid * spec.tick_size, spec.digits),
            round(self._ask * spec.tick_size, spec.digits),
        )
        self._left_in_burst -= 1
        if self._left_in_burst == 0:
            self._begin_burst()
        elif self._random.random() >= _SAME_MILLISECOND_SHARE:
            self._time_msc += 1 + int(self._random.random() * self._step_max_msc)
        return tick

    def _begin_burst(self) -> None:
        self._burst_msc += self._random.expovariate(1.0) * self._gap_msc
        closed_s = self._closed_for_s(int(self._burst_msc) // 1000)
        self._burst_msc += closed_s * 1000
        self._time_msc = max(self._time_msc, int(self._burst_msc))
        self._left_in_burst = self._random.choices(_BURST_SIZES, cum_weights=_BURST_CUMULATIVE_WEIGHTS)[0]

    def _move(self) -> None:
        """Take one step on the tick grid; at least one side of the quote changes."""
        random = self._random
        self._level += random.gauss(0.0, self._volatility)
        self._level += (self._anchor - self._level) * _REVERSION
        if random.random() < _WIDENING_SHARE:
            self._widening = random.random() * _WIDENING_MAX
        self._widening *= _WIDENING_DECAY
        spread = round(self._spread * (1.0 + self._widening) * (0.8 + 0.4 * random.random()))
        bid = max(round(self._level), 1)
        ask = bid + max(spread, 1)
        if bid == self._bid and ask == self._ask:
            ask += 1
        self._bid, self._ask = bid, ask


class Synthetic:
    """The ticks of several symbols, merged by time; at one moment in the order of the symbols."""

    def __init__(self, symbols: Sequence[SyntheticSymbol]) -> None:
        self._symbols = symbols
        self._queue = [(symbol.next_utc_msc, rank) for rank, symbol in enumerate(symbols)]
        heapify(self._queue)

    def next_due_utc_msc(self) -> int | None:
        """Give when the next tick is due."""
        return self._queue[0][0] if self._queue else None

    def delay(self, msc: int) -> None:
        """Let all that is to come be so much later."""
        for symbol in self._symbols:
            symbol.delay(msc)
        self._queue = [(due + msc, rank) for due, rank in self._queue]

    def change_speed(self, speed: float, _: int) -> None:
        """Give so many times more ticks than usual."""
        for symbol in self._symbols:
            symbol.change_speed(speed)

    def take_until(self, utc_msc: int) -> list[SourceTick]:
        """Give the ticks due up to a moment, oldest first."""
        taken: list[SourceTick] = []
        queue = self._queue
        while queue and queue[0][0] <= utc_msc:
            rank = queue[0][1]
            symbol = self._symbols[rank]
            taken.append(symbol.next_tick())
            heapreplace(queue, (symbol.next_utc_msc, rank))
        return taken
