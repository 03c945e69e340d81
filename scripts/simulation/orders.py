"""What was asked of the bridge and what left it, noted from outside, for the judge.

Values and their book-keeping only: what was sent, when a stop or resume reached the inbox, which requests
were written to a worker. Nothing here is read from the bridge's own state.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hybrid_bridge.core.inputs import (
    EmergencyStopRequested,
    Input,
    LimitsRestoreRequested,
    ResumeRequested,
    TighteningRequested,
)
from hybrid_bridge.core.orders import Channel, Source

if TYPE_CHECKING:
    from scripts.simulation.life import Life

Settled = Callable[[], None]
ACTION_DEAL, ACTION_PENDING = 1, 5
LOCAL = Source(Channel.LOCAL)


@dataclass(slots=True)
class Sent:
    """One signal or command.

    Attributes:
        command: "" for a signal, else the message's type.
        offsets: where in the log it stands, repetitions included.
        variants: other contents that came under the same id.
    """

    key: str
    body: dict[str, Any]
    at_s: float
    over_log: bool
    command: str = ""
    offsets: list[int] = field(default_factory=list)
    variants: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """One order request as it was written to a worker."""

    at_s: float
    life: int
    request: Any

    @property
    def is_entry(self) -> bool:
        """Whether it opens something."""
        return is_entry(self.request)


@dataclass(slots=True)
class Stop:
    """One emergency stop that reached the inbox; the same stop may reach it again.

    Attributes:
        first_s: when it did for the first time; a resume since then lifts it, whenever it comes again.
        obeyed_s: when this very record of the topic was obeyed, if it was before; what was opened since is
            none of its business.
        settled_s: when the bridge said that it needs no second delivery; None: never.
        lost_s: when the process died before that.
    """

    at_s: float
    life: int
    reason: str
    close: bool | None
    cancel: bool
    source: Source = LOCAL
    first_s: float = 0.0
    obeyed_s: float = 0.0
    settled_s: float | None = None
    lost_s: float | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """One resume that reached the inbox."""

    at_s: float
    life: int
    reason: str
    local: bool


@dataclass(slots=True)
class Tightening:
    """One wish for stricter limits that reached the inbox, or, without any limit, for those of the settings.

    Attributes:
        settled_s: when the bridge said that it needs no second delivery; None: never.
    """

    at_s: float
    life: int
    reason: str
    limits: dict[str, float]
    settled_s: float | None = None


def is_entry(request: Any) -> bool:
    """Tell whether a request opens something rather than closing or changing it."""
    return request.action == ACTION_PENDING or (request.action == ACTION_DEAL and not request.position)


class Orders:
    """The book."""

    def __init__(self, now_s: Callable[[], float], note: Callable[[str, str], None]) -> None:
        self.sent: dict[str, Sent] = {}
        self.written: list[Written] = []
        self.stops: list[Stop] = []
        self.resumes: list[Resume] = []
        self.tightenings: list[Tightening] = []
        self._now_s = now_s
        self._note = note

    def note_received(self, item: Input, life: "Life", settled: Settled | None) -> Settled | None:
        """Note what is more than an order at the inbox; returns the callback that notes its settling too."""
        if life.dead:
            return settled
        match item:
            case ResumeRequested():
                local = item.source.channel is Channel.LOCAL
                self.resumes.append(Resume(self._now_s(), life.number, item.reason, local))
                self._note("received", f"{item.reason!r} ({item.source.channel.value})")
                return settled
            case EmergencyStopRequested():
                return self._note_stop(item, life, settled)
            case TighteningRequested():
                return self._note_tightening(item, dict(item.limits), life, settled)
            case LimitsRestoreRequested():
                return self._note_tightening(item, {}, life, settled)
            case _:
                return settled

    def _note_tightening(
        self,
        item: TighteningRequested | LimitsRestoreRequested,
        limits: dict[str, float],
        life: "Life",
        settled: Settled | None,
    ) -> Settled:
        wish = Tightening(self._now_s(), life.number, item.reason, limits)
        self.tightenings.append(wish)
        self._note("received", f"{item.reason!r} {limits} ({item.source.channel.value})")

        def note_settled() -> None:
            if life.dead:
                return
            wish.settled_s = self._now_s()
            if settled is not None:
                settled()

        return note_settled

    def _note_stop(self, item: EmergencyStopRequested, life: "Life", settled: Settled | None) -> Settled:
        now_s, source = self._now_s(), item.source
        stop = Stop(now_s, life.number, item.reason, item.close_positions, item.cancel_orders, source)
        obeyed = [
            known.at_s for known in self.stops if known.source == source and known.settled_s is not None
        ]
        stop.obeyed_s = obeyed[0] if obeyed and source.topic else now_s
        before = [known.first_s for known in self.stops if known.reason == stop.reason]
        stop.first_s = before[0] if before else stop.at_s
        self.stops.append(stop)
        self._note("received", f"emergency {item.reason!r} ({item.source.channel.value})")

        def note_settled() -> None:
            if life.dead:
                return
            stop.settled_s = self._now_s()
            if settled is not None:
                settled()

        return note_settled

    def note_written(self, life: "Life", request: Any) -> None:
        """Note a request that was written to a worker."""
        self.written.append(Written(self._now_s(), life.number, request))

    def note_death(self, life: "Life") -> None:
        """Note what a process took with it."""
        for stop in self.stops:
            if stop.life == life.number and stop.settled_s is None and stop.lost_s is None:
                stop.lost_s = self._now_s()
