"""The trade server's wall clock against UTC: the package gives all times on it, encoded as if it were UTC.

Owns the offset and its changes. Pure given its inputs: callers pass the present UTC. Fed by the market lane's
adapter with every look at the newest ticks; read by both adapters and the poller.

The offset can be seen in fresh ticks only: a tick that was not there at the previous look happened since.
The newest of them counts: nothing is ahead of the server's clock, delayed or back-filled ticks are behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass

QUANTUM_S = 900  # Every time zone in use is a multiple of 15 minutes from UTC.
OFFSET_MAX_S = 14 * 3600
DAYLIGHT_S = 3600
# How far the PC's clock may be wrong, and how old a tick may be; half the quantum is the arithmetical limit.
RESIDUAL_MAX_MSC = 120_000
# A tick that appeared after a longer gap between looks may be as old as the gap.
GAP_MAX_MSC = 60_000
LOOKS_TO_LEARN = 3
# Late ticks look like a clock set back, so that needs more proof than a clock set forward.
LOOKS_TO_SET_BACK = 10
SPAN_TO_SET_BACK_MSC = 60_000
DAY_MSC = 86_400_000


@dataclass(frozen=True, slots=True)
class Transition:
    """From this instant on the server's clock was this far ahead of UTC."""

    from_utc_msc: int
    offset_s: int


@dataclass(slots=True)
class _Candidate:
    offset_s: int
    first_utc_msc: int
    looks: int


class ServerClock:
    """Converts between the trade server's wall clock and UTC, once it knows how."""

    def __init__(self, fixed_offset_s: int | None = None) -> None:
        """Start without knowledge, or with an offset that is never questioned (MT5_SERVER_UTC_OFFSET)."""
        self._fixed = fixed_offset_s is not None
        self._transitions: list[Transition] = []
        if fixed_offset_s is not None:
            self._transitions.append(Transition(0, fixed_offset_s))
        self._newest: dict[str, int] = {}
        self._looked_msc: int | None = None
        self._candidate: _Candidate | None = None
        self._doubted = False

    @property
    def offset_s(self) -> int | None:
        """Seconds that the server's clock is ahead of UTC now; None while that is unknown or doubted."""
        return None if self._doubted else self._last_offset_s

    @property
    def _last_offset_s(self) -> int | None:
        return self._transitions[-1].offset_s if self._transitions else None

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """All offsets seen so far, oldest first."""
        return tuple(self._transitions)

    def doubt(self) -> None:
        """Learn the offset anew, as after a sleep: daylight saving may have begun or ended meanwhile.

        Until it is proven again ticks wait, and times are converted by the last one known: by a wrong one a
        quote of now looks an hour old, or of the future, so no entry is taken on it.
        """
        if not self._fixed:
            self._doubted, self._looked_msc, self._candidate = bool(self._transitions), None, None

    def observe(self, newest_server_msc: Mapping[str, int], utc_msc: int) -> None:
        """Take note of the newest tick's time of each symbol, as seen at an instant.

        Args:
            newest_server_msc: by symbol; symbols without ticks are left out.
        """
        fresh = self._fresh(newest_server_msc, utc_msc)
        if fresh is None or self._fixed:
            return
        offset_s = round((fresh - utc_msc) / 1000 / QUANTUM_S) * QUANTUM_S
        residual_msc = abs(fresh - utc_msc - offset_s * 1000)
        if residual_msc <= RESIDUAL_MAX_MSC and abs(offset_s) <= OFFSET_MAX_S:
            self._weigh(offset_s, utc_msc)

    def to_utc_msc(self, server_msc: int) -> int | None:
        """Return the instant of a server time with the offset valid then; None while it is unknown."""
        utc_msc = None
        for transition in reversed(self._transitions):
            utc_msc = server_msc - transition.offset_s * 1000
            if utc_msc >= transition.from_utc_msc:
                break
        return utc_msc

    def to_server_msc(self, utc_msc: int) -> int | None:
        """Return what the server's clock showed at an instant; None while the offset is unknown."""
        for transition in reversed(self._transitions):
            if utc_msc >= transition.from_utc_msc:
                return utc_msc + transition.offset_s * 1000
        return utc_msc + self._transitions[0].offset_s * 1000 if self._transitions else None

    def server_day(self, utc_msc: int) -> int | None:
        """Return the server's calendar day at an instant, in days since 1970-01-01; None while unknown.

        A day begins with its first tick: a PC clock that is set ahead begins none.
        """
        server_msc = self.to_server_msc(utc_msc)
        if server_msc is None:
            return None
        return min(server_msc, max(self._newest.values(), default=server_msc)) // DAY_MSC

    def _fresh(self, newest_server_msc: Mapping[str, int], utc_msc: int) -> int | None:
        """Return the newest tick time that was not there at the previous look."""
        looked, self._looked_msc = self._looked_msc, utc_msc
        appeared = [
            time_msc
            for symbol, time_msc in newest_server_msc.items()
            if symbol in self._newest and time_msc != self._newest[symbol]
        ]
        self._newest.update(newest_server_msc)
        if looked is None or not 0 <= utc_msc - looked <= GAP_MAX_MSC:
            return None
        return max(appeared, default=None)

    def _weigh(self, offset_s: int, utc_msc: int) -> None:
        if offset_s == self._last_offset_s and not self._doubted:
            self._candidate = None
            return
        candidate = self._candidate
        if candidate is None or candidate.offset_s != offset_s:
            candidate = self._candidate = _Candidate(offset_s, utc_msc, 0)
        candidate.looks += 1
        if self._proven(candidate, utc_msc):
            self._adopt(candidate)

    def _proven(self, candidate: _Candidate, utc_msc: int) -> bool:
        last_s = self._last_offset_s
        if last_s is None or candidate.offset_s >= last_s:
            return candidate.looks >= LOOKS_TO_LEARN
        return (
            candidate.offset_s == last_s - DAYLIGHT_S
            and candidate.looks >= LOOKS_TO_SET_BACK
            and utc_msc - candidate.first_utc_msc >= SPAN_TO_SET_BACK_MSC
        )

    def _adopt(self, candidate: _Candidate) -> None:
        self._candidate, self._doubted = None, False
        previous = self._last_offset_s
        if candidate.offset_s == previous:
            return
        if previous is not None and abs(candidate.offset_s - previous) == DAYLIGHT_S:
            self._transitions.append(Transition(candidate.first_utc_msc, candidate.offset_s))
            return
        # Not daylight saving: what was believed so far came from late ticks, wrong from its beginning.
        began_msc = self._transitions.pop().from_utc_msc if previous is not None else 0
        self._transitions.append(Transition(began_msc, candidate.offset_s))
