"""The life of an order: what is wanted, what was asked of the venue, what it answered, and the legal moves.

`TRANSITIONS` is the whole truth about which state may follow which; the engine consults it on every event.
"""

from dataclasses import dataclass
from enum import StrEnum

from hybrid_bridge.core.account import Worth
from hybrid_bridge.core.market import Quote, Side


class IntentKind(StrEnum):
    """What an intent wants from the venue."""

    ENTRY = "entry"
    CLOSE = "close"
    MODIFY = "modify"
    CANCEL = "cancel"


class Channel(StrEnum):
    """Where a message came from."""

    REDPANDA = "redpanda"
    WEBSOCKET = "websocket"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Source:
    """The place a message was read from; everything but the channel only on Redpanda.

    Attributes:
        record_msc: the record's own timestamp, UTC milliseconds; it tells apart what a topic that was
            deleted and made anew holds at the same offsets.
    """

    channel: Channel
    topic: str = ""
    partition: int = -1
    offset: int = -1
    record_msc: int = -1

    @property
    def place(self) -> str:
        """Topic, partition and offset in one word; "" where there is no topic."""
        return f"{self.topic}/{self.partition}/{self.offset}" if self.topic else ""


class OrderState(StrEnum):
    """Where an intent stands."""

    RECEIVED = "received"
    DENIED = "denied"
    EXPIRED = "expired"
    APPROVED = "approved"
    SENDING = "sending"
    FILLED = "filled"
    PARTIAL = "partial"
    PLACED = "placed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_EXECUTED = "not_executed"
    ESCALATED = "escalated"


_S = OrderState

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    _S.RECEIVED: frozenset({_S.DENIED, _S.EXPIRED, _S.APPROVED}),
    _S.APPROVED: frozenset({_S.SENDING, _S.DENIED, _S.EXPIRED}),
    _S.SENDING: frozenset({_S.FILLED, _S.PARTIAL, _S.PLACED, _S.REJECTED, _S.UNKNOWN, _S.NOT_EXECUTED}),
    _S.UNKNOWN: frozenset({_S.FILLED, _S.PARTIAL, _S.PLACED, _S.REJECTED, _S.NOT_EXECUTED, _S.ESCALATED}),
    # A fill may still come to light after the venue seemed to have done nothing.
    _S.NOT_EXECUTED: frozenset({_S.FILLED, _S.PARTIAL, _S.PLACED}),
    _S.ESCALATED: frozenset({_S.FILLED, _S.PARTIAL, _S.PLACED, _S.REJECTED, _S.NOT_EXECUTED}),
    _S.PLACED: frozenset({_S.FILLED, _S.PARTIAL, _S.REJECTED}),
    _S.PARTIAL: frozenset({_S.FILLED}),
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.DENIED: frozenset(),
    _S.EXPIRED: frozenset(),
}

IN_DOUBT_STATES = frozenset({_S.SENDING, _S.UNKNOWN, _S.ESCALATED})
OPEN_STATES = frozenset({_S.RECEIVED, _S.APPROVED}) | IN_DOUBT_STATES


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing somebody wants done, numbered; the number makes its magic.

    Attributes:
        number: 1, 2, 3, ... per account, never reused.
        signal_id: the sender's id, or one made from where the message was read.
        volume: lots; None means sized from the risk (entry) or the whole position (close).
        price: the price the sender saw, for the collar; None when it gave none.
        ticket: the position that a close or modify is about, else 0.
        created_msc: the sender's timestamp, else the arrival, UTC milliseconds.
        expires_msc: after this instant it must not be sent, UTC milliseconds.
    """

    number: int
    kind: IntentKind
    signal_id: str
    source: Source
    symbol: str
    side: Side | None
    volume: float | None
    stop_loss: float
    take_profit: float
    price: float | None
    ticket: int
    comment: str
    received_msc: int
    created_msc: int
    expires_msc: int


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A trade request under the package's own field names and types (MqlTradeRequest)."""

    action: int
    symbol: str = ""
    volume: float = 0.0
    price: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    deviation: int = 0
    type: int = 0
    type_filling: int = 0
    type_time: int = 0
    magic: int = 0
    order: int = 0
    position: int = 0
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ApprovedOrder:
    """The only thing a trade lane sends: made by the risk check and nowhere else.

    Attributes:
        quote: what the approval was given on; None for closes and changes, which need none.
        risk_money: worst loss at the stop in account currency, reserved until the outcome is known.
        leaves: lots of the position that a close, wholly done, leaves open; 0.0 for everything else.
        margin: account currency that an entry ties up, reserved like the risk.
        worth: what one lot of the symbol was worth when an entry was approved, reserved for the exposure;
            None where no limit asked for it.
    """

    intent: Intent
    request: OrderRequest
    quote: Quote | None
    risk_money: float
    leaves: float = 0.0
    margin: float = 0.0
    worth: Worth | None = None

    @property
    def short(self) -> float:
        """Lots that stay open although all was to be closed: one request takes no more of the symbol."""
        return self.leaves if self.intent.kind is IntentKind.CLOSE and self.intent.volume is None else 0.0


class Answer(StrEnum):
    """What the venue's reply proves."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SubmitOutcome:
    """What came of one order_send.

    Attributes:
        answer: yes, no, or unknown when neither is proven.
        retcode: the venue's TRADE_RETCODE_*, 0 when there was none.
        error_code: the package's last_error code when it returned None, else 0.
        volume, price: as reported; a live fill may report price 0.0.
        placed: accepted to wait rather than filled.
        retriable: a certain no that may be tried once more with a fresh quote and a fresh risk check.
        halts: automated trading is switched off, so nothing more is opened until a person has mended it.
    """

    answer: Answer
    retcode: int = 0
    error_code: int = 0
    reason: str = ""
    detail: str = ""
    order: int = 0
    deal: int = 0
    volume: float = 0.0
    price: float = 0.0
    placed: bool = False
    retriable: bool = False
    halts: bool = False

    @property
    def never_asked(self) -> bool:
        """Whether the venue was certainly not asked: a no with neither retcode nor error."""
        return self.answer is Answer.NO and not self.retcode and not self.error_code
