"""Where the simulated terminal's prices come from.

Owns the choice between made ticks and replayed files, their merging, the server's wall clock in their
times and the count of what was given. Deterministic: what comes follows from the options and the
moments asked for; it reads no clock itself. The server asks for what is due and hands it to the
exchange.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from operator import itemgetter
from pathlib import Path

from hybrid_bridge.simulator.replay import FeedError, Replay, SourceTick
from hybrid_bridge.simulator.server_zone import ServerZone
from hybrid_bridge.simulator.symbols import SymbolSpec
from hybrid_bridge.simulator.synthetic import Synthetic, SyntheticSymbol

__all__ = ["Feed", "FeedError", "FeedOptions", "make_feed"]

# A symbol, the server's time in milliseconds, bid and ask.
FeedTick = tuple[str, int, float, float]
# A batch ends after about so many ticks; the rest is due at once. A process that slept for hours
# must not wake up to hours of ticks in one list.
_BATCH_TICKS = 20_000
_SLICE_MSC = 1000


@dataclass(frozen=True, kw_only=True)
class FeedOptions:
    """What to feed.

    `start_utc_msc` is the moment of the first tick. `zone`, where given, goes before
    `utc_offset_s`. `symbols` get made ticks, except those that a file
    of `files` is of. `ticks_per_second` overrides a symbol's mean rate. `start` is the time of day
    (UTC of the files, HH:MM or HH:MM:SS) at which the files begin; when empty they begin at 07:00, or
    with their first tick where one ends before that. `speed` divides the distances of replayed ticks,
    in time and in their dates alike. `enforce_sessions` stops made ticks while a symbol's market is
    closed.
    """

    start_utc_msc: int
    utc_offset_s: int = 10800
    zone: ServerZone | None = None
    seed: int = 1
    symbols: tuple[SymbolSpec, ...] = ()
    ticks_per_second: Mapping[str, float] = field(default_factory=dict)
    files: tuple[Path | str, ...] = ()
    start: str = ""
    speed: float = 1.0
    enforce_sessions: bool = False

    @property
    def server_zone(self) -> ServerZone:
        """Give the server's wall clock."""
        return self.zone or ServerZone.fixed(self.utc_offset_s)


class Feed:
    """Ticks of all sources, given when they are due.

    Attributes:
        generated: ticks given so far, per symbol.
    """

    def __init__(self, replay: Replay | None, synthetic: Synthetic, zone: ServerZone) -> None:
        self._replay = replay
        # Replayed ticks go first among those of one millisecond.
        self._sources: tuple[Replay | Synthetic, ...] = (
            (synthetic,) if replay is None else (replay, synthetic)
        )
        self._zone = zone
        self._paused_msc: int | None = None
        self.generated: Counter[str] = Counter()

    @property
    def shifts_msc(self) -> dict[str, int]:
        """Give per replayed symbol what is added to a file's times to get UTC now."""
        return dict(self._replay.shifts_msc) if self._replay else {}

    @property
    def shift_msc(self) -> int:
        """Give what is added to the first file's times to get UTC now; 0 without files.

        The server's time is that plus the offset. At a speed other than 1 it holds for the first tick.
        """
        return next(iter(self.shifts_msc.values()), 0)

    @property
    def exhausted(self) -> bool:
        """Tell whether no tick will come any more."""
        return self.next_due_utc_msc() is None

    def next_due_utc_msc(self) -> int | None:
        """Give when the next tick is due; None when there is none left."""
        due = [source.next_due_utc_msc() for source in self._sources]
        return min((moment for moment in due if moment is not None), default=None)

    def next_batch(self, now_utc_msc: int) -> list[FeedTick]:
        """Give the ticks due up to a moment, oldest first, dated by the server's wall clock.

        After a long pause they come in several batches: ask again while the next is due.

        Raises:
            FeedError: for a line of a file that is no tick.
        """
        batch: list[FeedTick] = []
        while len(batch) < _BATCH_TICKS:
            due = self.next_due_utc_msc()
            if due is None or due > now_utc_msc:
                break
            for tick in self._slice(min(due + _SLICE_MSC, now_utc_msc)):
                batch.append((tick.symbol, self._zone.server_msc(tick.utc_msc), tick.bid, tick.ask))
                self.generated[tick.symbol] += 1
        return batch

    @property
    def is_paused(self) -> bool:
        """Tell whether it was paused and not resumed."""
        return self._paused_msc is not None

    def pause(self, now_utc_msc: int) -> None:
        """Stop; what is not given yet comes so much later as the pause takes."""
        if self._paused_msc is None:
            self._paused_msc = now_utc_msc

    def resume(self, now_utc_msc: int) -> None:
        """Go on; without a pause it does nothing."""
        if self._paused_msc is not None:
            self._delay(now_utc_msc - self._paused_msc)
            self._paused_msc = None

    def step(self, moments: int, now_utc_msc: int) -> list[FeedTick]:
        """Give the ticks of the next few moments at once, dated now; afterwards it is paused."""
        batch: list[FeedTick] = []
        self.pause(now_utc_msc)
        for _ in range(moments):
            due = self.next_due_utc_msc()
            if due is None:
                break
            self._delay(now_utc_msc - due)
            batch.extend(self.next_batch(now_utc_msc))
        self._paused_msc = now_utc_msc
        return batch

    def change_speed(self, speed: float, now_utc_msc: int) -> None:
        """Give what comes from now on so many times faster than it was made or happened.

        Raises:
            FeedError: if it is no number above 0.
        """
        if not speed > 0 or not isfinite(speed):
            raise FeedError(f"speed {speed}: expected a number above 0")
        moment = now_utc_msc if self._paused_msc is None else self._paused_msc
        for source in self._sources:
            source.change_speed(speed, moment)

    def _delay(self, msc: int) -> None:
        for source in self._sources:
            source.delay(msc)

    def _slice(self, until_utc_msc: int) -> list[SourceTick]:
        parts = [taken for source in self._sources if (taken := source.take_until(until_utc_msc))]
        if len(parts) == 1:
            return parts[0]
        # A stable sort: ticks of one moment keep the order of their source.
        return sorted((tick for part in parts for tick in part), key=itemgetter(0))


def make_feed(options: FeedOptions) -> Feed:
    """Open a feed.

    Raises:
        FeedError: if an option or a file cannot be used; says what was seen and expected.
    """
    replay = None
    replayed: Sequence[str] = ()
    if options.files:
        replay = Replay(
            [Path(path) for path in options.files],
            start_utc_msc=options.start_utc_msc,
            start=options.start,
            speed=options.speed,
        )
        replayed = replay.symbols
    made = [_made(options, spec) for spec in options.symbols if spec.name not in replayed]
    return Feed(replay, Synthetic(made), options.server_zone)


def _made(options: FeedOptions, spec: SymbolSpec) -> SyntheticSymbol:
    rate = options.ticks_per_second.get(spec.name, spec.ticks_per_second)
    if not rate > 0 or not isfinite(rate):
        raise FeedError(f"ticks_per_second of {spec.name} is {rate}: expected a number above 0")

    zone = options.server_zone

    def closed_for_s(utc_s: int) -> int:
        return spec.closed_for_s(utc_s + zone.offset_s(utc_s)) if options.enforce_sessions else 0

    return SyntheticSymbol(
        spec,
        seed=options.seed,
        start_utc_msc=options.start_utc_msc,
        ticks_per_second=rate,
        closed_for_s=closed_for_s,
    )
