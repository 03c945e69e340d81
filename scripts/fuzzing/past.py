"""What has happened on the account so far, as the reference remembers it: its own books, kept in its own way.

`session` tells it what the bridge was told and what came of orders; the reference judges by it. Shares
nothing with the bridge's state.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.fuzzing.figures import above_zero, has_fallen, known

from hybrid_bridge.core.account import AccountReport, Position, Worth
from hybrid_bridge.core.limits import Limits

SHOWN_LATE_MS = 5_000  # How long a fill may take to show among the positions.
MINUTE_MS = 60_000
LASTING = ("drawdown", "margin", "daily_loss")  # The last of them ends with the day.


@dataclass(slots=True)
class Sent:
    """An entry, close or change that went out.

    Attributes:
        stop: the stop that was sent with it, 0.0 for none.
        filled_msc: when it was told as filled, None while it is not.
    """

    number: int
    kind: str
    signal_id: str
    symbol: str
    side: str
    volume: float
    stop: float
    ticket: int
    magic: int
    risk_money: float
    margin: float
    worth: Worth | None
    filled_msc: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A position as it was last shown; sold lots are below zero."""

    symbol: str
    lots: float
    price_open: float
    number: int


@dataclass(slots=True)
class Past:
    """The reference's books.

    Attributes:
        ids: what was asked for under each id.
        entries: when an entry went out, with symbol, side and the volume that was asked for.
        doubtful: what went out and has no known outcome, by number.
        unshown: entries filled whose position was not shown since, by number.
        closed: closes that were carried out.
        unsettled: entries filled whose trade has no known result, by number.
        seen_in: the position, by ticket, in which a look has shown such an entry, by number.
    """

    ids: dict[str, tuple[object, ...]] = field(default_factory=dict)
    entries: list[tuple[int, str, str, float | None]] = field(default_factory=list)
    doubtful: dict[int, Sent] = field(default_factory=dict)
    unshown: dict[int, Sent] = field(default_factory=dict)
    closed: list[Sent] = field(default_factory=list)
    unsettled: dict[int, Sent] = field(default_factory=dict)
    seen_in: dict[int, int] = field(default_factory=dict)
    positions: dict[int, Held] = field(default_factory=dict)
    trading: str = "active"
    emergency: bool = False
    breach: str = ""
    day: int | None = None
    day_count: int = 0
    day_equity: float | None = None
    peak: float | None = None
    streak: int = 0
    last_loss_msc: int = 0
    last_loss_day: int | None = None

    def unseen(self, now_msc: int) -> list[Sent]:
        """Return what may hold a position that no look shows."""
        late = [sent for sent in self.unshown.values() if self._of_late(sent, now_msc)]
        return [*self.doubtful.values(), *late]

    def late_closes(self, report: AccountReport, now_msc: int) -> list[Sent]:
        """Return the closes of a moment ago whose position a look still shows, wholly or in part."""
        shown = {position.ticket for position in report.positions}
        return [sent for sent in self.closed if sent.ticket in shown and self._of_late(sent, now_msc)]

    @staticmethod
    def _of_late(sent: Sent, now_msc: int) -> bool:
        return sent.filled_msc is not None and abs(now_msc - sent.filled_msc) <= SHOWN_LATE_MS

    def send(self, sent: Sent, now_msc: int, asked: float | None) -> None:
        """Note that it goes out; an entry counts from here on."""
        self.doubtful[sent.number] = sent
        if sent.kind == "entry":
            self.entries.append((now_msc, sent.symbol, sent.side, asked))
            self.day_count += 1

    def end(self, number: int, *, filled: bool, now_msc: int, numbers_shown: Iterable[int]) -> None:
        """Note what came of it."""
        sent = self.doubtful.pop(number)
        if not filled:
            return
        sent.filled_msc = now_msc
        if sent.kind == "close":
            self.closed = [*self.closed[-9:], sent]
        if sent.kind != "entry":
            return
        self.unsettled[number] = sent
        for old in [key for key, other in self.unshown.items() if not self._of_late(other, now_msc)]:
            del self.unshown[old]
        if number not in numbers_shown:
            self.unshown[number] = sent

    def settle(self, number: int, profit: float, closed_msc: int, day: int | None) -> None:
        """Note a trade's result."""
        for awaited in (self.unsettled, self.unshown, self.seen_in):
            awaited.pop(number, None)
        if profit > 0:
            self.streak = 0
        elif profit < 0:
            self.streak += 1
            self.last_loss_msc, self.last_loss_day = closed_msc, day

    def look(self, report: AccountReport, limits: Limits, magic_base: int) -> None:
        """Take in what a believable look at the right account shows."""
        equity = report.account.equity
        if not report.terminal.connected or not known(equity):
            return
        if equity > 0:
            self._mark(report, equity)
        if equity:
            self._watch(report, limits)
        if equity > 0 and (report.positions or report.account.profit == 0):
            self._show(report, magic_base)

    def _mark(self, report: AccountReport, equity: float) -> None:
        if report.server_day is not None and (self.day is None or report.server_day > self.day):
            self.day, self.day_equity, self.day_count = report.server_day, equity, 0
            if self.trading == "reducing" and self.breach == "daily_loss":
                self.trading, self.breach = "active", ""
        self.peak = max(equity, self.peak or 0.0)

    def _watch(self, report: AccountReport, limits: Limits) -> None:
        """From the first look on that shows a limit on losses broken, only what reduces may pass."""
        broken = self.breached(report, limits)
        if not broken or self.trading == "halted":
            return
        if self.trading == "active" or LASTING.index(broken[0]) < LASTING.index(self.breach):
            self.trading, self.breach = "reducing", broken[0]

    def breached(self, report: AccountReport, limits: Limits) -> list[str]:
        """Name the limits on losses that a look shows as broken, the longest lasting first."""
        account = report.account
        level, least = account.margin_level, limits.min_margin_level_percent
        broken = {
            "drawdown": has_fallen(self.peak, account.equity, limits.max_drawdown_percent),
            "margin": least is not None
            and above_zero(account.margin)
            and known(level)
            and 0 != level < least,
            "daily_loss": has_fallen(self.day_equity, account.equity, limits.max_daily_loss_percent),
        }
        return [name for name in LASTING if broken[name]]

    def _show(self, report: AccountReport, magic_base: int) -> None:
        present = {position.ticket: position for position in report.positions if position.ticket > 0}
        for ticket in [ticket for ticket in self.positions if ticket not in present]:
            del self.positions[ticket]
            self._leave(ticket)
        for ticket, position in present.items():
            if above_zero(position.volume) and above_zero(position.price_open):
                self._see(ticket, position, magic_base)

    def _see(self, ticket: int, position: Position, magic_base: int) -> None:
        """Compare a position with how it was last shown."""
        lots = position.volume if position.side.value == "BUY" else -position.volume
        before = self.positions.get(ticket)
        number = position.magic & 0xFFFF_FFFF if position.magic >> 32 == magic_base else 0
        number = number if before is None else before.number
        held = self.positions[ticket] = Held(position.symbol, lots, position.price_open, number)
        if before is None and number:
            self.unshown.pop(number, None)
            if number in self.unsettled:
                self.seen_in[number] = ticket
        elif before != held:
            if before is not None and (before.lots > 0) is not (lots > 0):
                self._leave(ticket)
            self._grown(ticket, held, lots - (0.0 if before is None else before.lots))

    def _leave(self, ticket: int) -> None:
        self.seen_in = {number: seen for number, seen in self.seen_in.items() if seen != ticket}

    def _grown(self, ticket: int, held: Held, change: float) -> None:
        """Note which fill made a position: the one whose mark it bears, else the oldest of its side."""
        if self.unshown.pop(held.number, None) is not None:
            self.seen_in.setdefault(held.number, ticket)
            return
        like = (held.symbol, "BUY" if change > 0 else "SELL")
        shown = next((key for key, sent in self.unshown.items() if (sent.symbol, sent.side) == like), 0)
        if self.unshown.pop(shown, None) is not None:
            self.seen_in[shown] = ticket
