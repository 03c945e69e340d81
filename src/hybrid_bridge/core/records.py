"""What the engine remembers: the state that decisions depend on, and what it is made of.

Values and questions about them; `state` alone changes them.
"""

from collections import deque
from dataclasses import dataclass, field

from hybrid_bridge.core.events import LimitsTightened, OrderAnswered, TradingState
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder, Intent, OrderState, Source

STOPS_KEPT = 100
FUNDS_MOVES_KEPT = 1_000
LOSSES_KEPT = 1_000
# The reply to an order may come before the terminal shows what it did; "poll up to a few seconds" (MQL5
# book, on OrderSend).
SHOWN_LATE_MS = 5_000


@dataclass(slots=True)
class OrderRecord:
    """All that is known of one intent.

    Attributes:
        sending_msc: when it was first about to be sent, UTC milliseconds.
        attempts: how often it was about to be sent; more than once only after a certain no.
        counted_day: the broker's day that an entry counted for last; None while none was known.
        settled_deal: the deal that ended the trade which it opened, once that trade's result is known.
    """

    intent: Intent
    payload_hash: str
    state: OrderState = OrderState.RECEIVED
    order: ApprovedOrder | None = None
    sending_msc: int = 0
    attempts: int = 0
    counted_day: int | None = None
    settled_deal: int = 0
    answer: OrderAnswered | None = None


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position as it was last seen.

    Attributes:
        number: the intent that opened it, 0 when it is external.
    """

    ticket: int
    symbol: str
    side: Side
    volume: float
    price_open: float
    number: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """What an emergency stop is still to do to the account.

    Attributes:
        since_msc: when the stop was latched, UTC milliseconds.
        late: the account was clear once; only what had been sent before the stop and has come to light
            since is to go, nothing that was opened by hand.
    """

    since_msc: int
    close_positions: bool
    cancel_orders: bool
    late: bool = False


@dataclass(slots=True)
class EngineState:
    """Everything decisions depend on, besides limits and the input itself.

    Attributes:
        orders: by intent number; closed ones are forgotten after CLOSED_ORDERS_KEPT.
        numbers: signal id to intent number, for the orders above.
        doubtful: those of the orders whose outcome is not known, by intent number.
        watched: those that may still show a fill: not executed for all that could be seen, or waiting at
            the venue, wholly or for the rest.
        clearing: None when no emergency stop has anything left to do.
        cleared: what the stop that holds will do again should an entry from before it show late.
        stops_seen: where the latest emergency stops from Redpanda were read, oldest first.
        positions: by ticket, as last seen.
        unshown: entries that were filled and whose position no look has shown yet, the latest only.
        unsettled: entries that were filled and whose trade's result is not known, by intent number: most
            are open still.
        held_in: the open position, by ticket, in which a look has shown such an entry, by its number.
        latched_msc: when the trading state last changed, UTC milliseconds.
        breach: the limit on losses whose breach is the reason of `trading`, "" when none is.
        flattened: the limits for whose breach everything was to be closed since trading was last resumed.
        daily_entries: entries that reached SENDING on `server_day`.
        day_equity: at the first look on `server_day`, account currency; what was paid in or out since is in.
        day_opened_msc: when that look was, UTC milliseconds.
        equity_peak: the highest equity, account currency; what was paid in or out since is in.
        peak_msc: when it was seen, or a person had it measured anew, UTC milliseconds.
        funds_moves: deals that moved funds and are counted, by ticket, the latest only.
        funds_msc: when the latest of them was seen first, UTC milliseconds.
        loss_streak: trades of this bridge that lost, since the last that won.
        losses: when each of them ended and by which deal, the latest LOSSES_KEPT only; results are not
            learned in the order in which the trades ended.
        last_win: the same of the latest trade that won.
        last_loss_msc, last_loss_day: when the latest that lost ended, UTC milliseconds and broker's day.
        tightened: limits made stricter while the bridge ran, by the setting's name in lower case.
        tightenings: the event that did it, by the same names.
        entries: instants (UTC ms) and intents of recent entries that reached SENDING, oldest first.
    """

    orders: dict[int, OrderRecord] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    doubtful: dict[int, OrderRecord] = field(default_factory=dict)
    watched: dict[int, OrderRecord] = field(default_factory=dict)
    closed: deque[int] = field(default_factory=deque)
    next_number: int = 1
    trading: TradingState = TradingState.ACTIVE
    halt_reason: str = ""
    emergency: bool = False
    latched_msc: int = 0
    breach: str = ""
    flattened: frozenset[str] = frozenset()
    clearing: Clearing | None = None
    cleared: Clearing | None = None
    stops_seen: deque[Source] = field(default_factory=lambda: deque(maxlen=STOPS_KEPT))
    positions: dict[int, HeldPosition] = field(default_factory=dict)
    unshown: dict[int, OrderRecord] = field(default_factory=dict)
    unsettled: dict[int, OrderRecord] = field(default_factory=dict)
    held_in: dict[int, int] = field(default_factory=dict)
    server_day: int | None = None
    daily_entries: int = 0
    day_equity: float | None = None
    day_opened_msc: int = 0
    equity_peak: float | None = None
    peak_msc: int = 0
    funds_moves: deque[int] = field(default_factory=lambda: deque(maxlen=FUNDS_MOVES_KEPT))
    funds_msc: int = 0
    loss_streak: int = 0
    losses: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=LOSSES_KEPT))
    last_win: tuple[int, int] = (0, 0)
    last_loss_msc: int = 0
    last_loss_day: int | None = None
    tightened: dict[str, float] = field(default_factory=dict)
    tightenings: dict[str, LimitsTightened] = field(default_factory=dict)
    entries: deque[tuple[int, Intent]] = field(default_factory=deque)

    def in_doubt(self) -> list[OrderRecord]:
        """Return the orders whose outcome is not known."""
        return list(self.doubtful.values())

    def unshown_fills(self, now_msc: int) -> list[OrderRecord]:
        """Return the entries filled a moment ago whose position is still to show."""
        return [record for record in self.unshown.values() if is_of_late(record, now_msc)]


def is_of_late(record: OrderRecord, now_msc: int) -> bool:
    """Tell whether an order was answered so short a time ago that a look may not show it yet."""
    return record.answer is not None and abs(now_msc - record.answer.at_msc) <= SHOWN_LATE_MS
