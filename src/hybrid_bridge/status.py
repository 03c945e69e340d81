"""What the bridge says of itself: bridge_status, the status line and the summary at the end.

Pure gathering: it reads the figures that the parts keep and puts them under public names. app owns it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hybrid_bridge import __version__
from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.state import EngineState
from hybrid_bridge.figures import ExecutorFigures

Facts = Mapping[str, object]


def _nothing_yet() -> None:
    """Stand in until there is somebody to ask."""


@dataclass(slots=True)
class StatusBoard:
    """Where the parts' figures are read from.

    Attributes:
        phase: starting, running or stopping.
        why_no_entries: gives the reason for which no entry is accepted now, "" for none.
        clearing: gives what an emergency stop still has to cancel and close, None for nothing.
        guard: by name, what the guard says of itself: limits in force, portfolio, losses; None for unknown.
        power: gives whether the PC is kept awake, and how often it slept all the same.
        channels: per channel, a function that gives its state as plain values.
        counters: per counter, a function that gives its figure.
    """

    state: EngineState
    figures: ExecutorFigures
    phase: str = "starting"
    why_no_entries: Callable[[], str] = str
    clearing: Callable[[], Facts | None] = _nothing_yet
    guard: dict[str, Callable[[], Facts | None]] = field(default_factory=dict)
    power: Callable[[], Facts | None] = _nothing_yet
    channels: dict[str, Callable[[], Facts]] = field(default_factory=dict)
    counters: dict[str, Callable[[], object]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: {"bridge": __version__})

    def bridge_status(self) -> dict[str, object]:
        """Return the data of a bridge_status message."""
        return {
            "state": self.phase,
            "trading_state": self.state.trading.value,
            "reason": self.why_no_entries(),
            "emergency_stop": self.state.emergency,
            "clearing": self.clearing(),
            **{name: read() for name, read in self.guard.items()},
            "power": self.power(),
            "channels": {name: dict(read()) for name, read in self.channels.items()},
            "versions": self.versions,
            "counters": self.counted(),
        }

    def counted(self) -> dict[str, object]:
        """Return every counter."""
        return {
            "signals": dict(self.figures.received),
            "results": dict(self.figures.statuses),
            "malformed": self.figures.malformed,
            "daily_entries": self.state.daily_entries,
            "retried": self.figures.retried,
            "in_doubt": len(self.state.in_doubt()),
            "watched": len(self.state.watched),
            "positions_external": sum(not held.number for held in self.state.positions.values()),
            **{name: read() for name, read in self.counters.items()},
        }

    def line(self, report: AccountReport | None) -> dict[str, object]:
        """Return the figures of the status line."""
        shown: dict[str, object] = {
            "trading": self.state.trading.value,
            "signals": sum(self.figures.received.values()),
            "results": " ".join(f"{name}:{count}" for name, count in sorted(self.figures.statuses.items())),
        }
        if report is not None:
            shown["positions"] = len(report.positions)
            shown["equity"] = round(report.account.equity, 2)
        for name, read in self.channels.items():
            shown[name] = read().get("state", "")
        return {**shown, **{name: read() for name, read in self.counters.items() if name.startswith("ticks")}}
