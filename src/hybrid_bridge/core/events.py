"""What has happened: the journaled facts from which the engine's state is rebuilt.

Values only; the journal stores them under their class names, so a name or field may be added but never
changed. `at_msc` is UTC milliseconds by the bridge's clock.
"""

from dataclasses import dataclass
from enum import StrEnum

from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import ApprovedOrder, Intent, OrderState, Source


class TradingState(StrEnum):
    """What the bridge may do at all; latched in the journal."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Denial:
    """One check's no.

    Attributes:
        check: the check's name, as in the documentation of the limits.
        limit: what is allowed, for a person.
        observed: what was seen, for a person.
    """

    check: str
    limit: str
    observed: str
    detail: str


@dataclass(frozen=True, slots=True)
class IntentReceived:
    """A signal or command was given its number."""

    intent: Intent
    payload_hash: str


@dataclass(frozen=True, slots=True)
class IntentDenied:
    """The risk guard said no; nothing was sent."""

    number: int
    denials: tuple[Denial, ...]
    at_msc: int


@dataclass(frozen=True, slots=True)
class IntentExpired:
    """It came, or its turn came, too late; nothing was sent."""

    number: int
    detail: str
    at_msc: int


@dataclass(frozen=True, slots=True)
class DuplicateReceived:
    """A signal id came again and was not acted on.

    Attributes:
        number: the intent that already carries the id.
        conflict: the id came with another payload.
    """

    number: int
    signal_id: str
    conflict: bool
    source: Source
    at_msc: int


@dataclass(frozen=True, slots=True)
class OrderApproved:
    """The risk guard said yes, on these facts."""

    order: ApprovedOrder
    at_msc: int


@dataclass(frozen=True, slots=True)
class OrderSending:
    """The point of no return: from here on the order may have reached the venue.

    Attributes:
        server_day: the broker's day that an entry counts for; None when not known.
    """

    number: int
    server_day: int | None
    at_msc: int


@dataclass(frozen=True, slots=True)
class OrderRetried:
    """The venue certainly did not take it; judged anew on fresh facts, it is being sent once more.

    Attributes:
        order: what the guard said yes to this time, under the same intent and magic.
        retcode, reason: of the refusal.
    """

    order: ApprovedOrder
    retcode: int
    reason: str
    at_msc: int


@dataclass(frozen=True, slots=True)
class OrderAnswered:
    """What is now known of a sent order.

    Attributes:
        state: filled, partial, placed, rejected, unknown, not_executed or escalated.
        ticket: the position or order at the venue, 0 when there is none.
    """

    number: int
    state: OrderState
    retcode: int
    reason: str
    detail: str
    ticket: int
    deal: int
    volume: float
    price: float
    sent_msc: int
    at_msc: int


@dataclass(frozen=True, slots=True)
class TradingStateChanged:
    """The latch moved.

    Attributes:
        close_positions, cancel_orders: what an emergency stop is still to do to the account; see
            AccountCleared.
        breach: the limit on losses whose breach moved it ("daily_loss", "drawdown", "margin"), "" for none.
    """

    state: TradingState
    reason: str
    source: Source
    emergency: bool
    at_msc: int
    close_positions: bool = False
    cancel_orders: bool = False
    breach: str = ""


@dataclass(frozen=True, slots=True)
class AccountCleared:
    """Nothing is left of what an emergency stop was to cancel and close; what is opened later stays.

    Attributes:
        since_msc: when that stop was latched.
    """

    since_msc: int
    at_msc: int


@dataclass(frozen=True, slots=True)
class PositionAdopted:
    """A position was seen for the first time.

    Attributes:
        number: the intent whose magic it bears; 0 when it is external: opened by hand or by another program.
    """

    ticket: int
    symbol: str
    side: Side
    volume: float
    price_open: float
    number: int
    at_msc: int


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """A known position has another volume or, on a netting account, another side."""

    ticket: int
    side: Side
    volume: float
    price_open: float
    at_msc: int


@dataclass(frozen=True, slots=True)
class PositionEnded:
    """A known position is gone: closed by an order, a stop or a person."""

    ticket: int
    at_msc: int


@dataclass(frozen=True, slots=True)
class BrokerDayOpened:
    """The broker's calendar day changed; daily counters start anew.

    Attributes:
        server_day: days since 1970-01-01 by the broker's clock.
    """

    server_day: int
    equity: float
    at_msc: int


@dataclass(frozen=True, slots=True)
class EquityPeakRaised:
    """The account's equity passed its highest mark."""

    equity: float
    at_msc: int


@dataclass(frozen=True, slots=True)
class EquityPeakReset:
    """A person resumed after a drawdown: it is measured anew from the equity of then."""

    equity: float
    at_msc: int


@dataclass(frozen=True, slots=True)
class FundsMoved:
    """Money was paid in or out, or credited: the marks that losses are measured from move along.

    Attributes:
        ticket: of the deal that booked it; it counts once.
        amount: account currency, negative when paid out.
        today: whether it was booked since the broker's day was opened: then the day's equity moves.
        peak: whether it was booked since the highest equity was seen: then that moves.
    """

    ticket: int
    amount: float
    today: bool
    at_msc: int
    peak: bool = True


@dataclass(frozen=True, slots=True)
class TradeClosed:
    """A trade of this bridge is over and its result is known.

    Attributes:
        numbers: the entries that took part in it last, several where a netting account made one position of
            them; each is told of by an EntrySettled as well.
        position: the position's identifier.
        deal: the deal that ended it.
        profit: account currency, swap, commission and fees included.
        closed_msc: when that was, UTC milliseconds.
        server_day: the broker's calendar day then; None when not known.
    """

    numbers: tuple[int, ...]
    position: int
    symbol: str
    deal: int
    profit: float
    closed_msc: int
    server_day: int | None
    at_msc: int


@dataclass(frozen=True, slots=True)
class EntrySettled:
    """Nothing more is awaited of the trade that an entry opened.

    Attributes:
        profit: of the whole trade, account currency, swap, commission and fees included; None when it could
            not be learned: then it counts neither as a loss nor as a win.
        deal: that ended the trade, 0 when that was not learned.
    """

    number: int
    profit: float | None
    deal: int
    at_msc: int


@dataclass(frozen=True, slots=True)
class LimitsTightened:
    """Limits were made stricter while the bridge runs; that holds until a person takes it back.

    Attributes:
        limits: name of the setting in lower case, and its value; true is 1.0, false 0.0.
    """

    limits: tuple[tuple[str, float], ...]
    reason: str
    source: Source
    at_msc: int


@dataclass(frozen=True, slots=True)
class LimitsRestored:
    """A person let the limits be those of the settings again."""

    reason: str
    source: Source
    at_msc: int


Event = (
    IntentReceived
    | IntentDenied
    | IntentExpired
    | DuplicateReceived
    | OrderApproved
    | OrderSending
    | OrderRetried
    | OrderAnswered
    | TradingStateChanged
    | AccountCleared
    | PositionAdopted
    | PositionChanged
    | PositionEnded
    | BrokerDayOpened
    | EquityPeakRaised
    | EquityPeakReset
    | FundsMoved
    | TradeClosed
    | EntrySettled
    | LimitsTightened
    | LimitsRestored
)
