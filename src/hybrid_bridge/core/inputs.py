"""What may arrive from outside: signals, commands, observations; the executor feeds them to the engine.

Values only. Times are UTC milliseconds by the bridge's clock unless a name says otherwise.
"""

from dataclasses import dataclass

from hybrid_bridge.core.account import AccountReport, Position
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Source, SubmitOutcome


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A trading signal, decoded and typed but not yet judged.

    Attributes:
        signal_id: the sender's, or one made from topic, partition and offset, or on arrival.
        volume: lots; None asks for sizing from the risk.
        stop_loss, take_profit: prices, 0.0 for none.
        price: the price the sender saw, None when it gave none.
        timestamp_msc: when it was made, by the sender's clock or else by Redpanda's record; None when neither
            tells.
        expires_msc: the sender's clock, None when it gave none.
        account: the login it is meant for, None for whichever receives it.
        payload_hash: of the fields that matter; tells a repetition from a conflict.
    """

    signal_id: str
    symbol: str
    side: Side
    volume: float | None
    stop_loss: float
    take_profit: float
    comment: str
    price: float | None
    timestamp_msc: int | None
    expires_msc: int | None
    account: int | None
    payload_hash: str
    source: Source
    received_msc: int


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """A command to close a position, wholly (volume None) or in part.

    Attributes:
        created_msc: when it was written to Redpanda, by the record; None where only its arrival is known.
    """

    command_id: str
    ticket: int
    volume: float | None
    payload_hash: str
    source: Source
    received_msc: int
    created_msc: int | None = None


@dataclass(frozen=True, slots=True)
class ModifyRequested:
    """A command to set a position's stops; 0.0 clears one, None leaves it as it is.

    Attributes:
        created_msc: when it was written to Redpanda, by the record; None where only its arrival is known.
    """

    command_id: str
    ticket: int
    stop_loss: float | None
    take_profit: float | None
    payload_hash: str
    source: Source
    received_msc: int
    created_msc: int | None = None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """An order to take a pending order back; made by the bridge itself in an emergency stop."""

    command_id: str
    ticket: int
    payload_hash: str
    source: Source
    received_msc: int


@dataclass(frozen=True, slots=True)
class EmergencyStopRequested:
    """Halt at once; None for close_positions means as configured."""

    reason: str
    close_positions: bool | None
    cancel_orders: bool
    source: Source
    received_msc: int


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """Lift a halt; a person's act.

    Attributes:
        received_msc: when it was given, as far as that is known: when it was typed on this PC, or written to
            Redpanda; else its arrival. It may wait, and must not undo a stop that came meanwhile.
    """

    reason: str
    source: Source
    received_msc: int


@dataclass(frozen=True, slots=True)
class TighteningRequested:
    """Make limits stricter from now on.

    Attributes:
        limits: names in lower case as they were sent, and their values; neither is judged yet.
    """

    limits: tuple[tuple[str, bool | float], ...]
    reason: str
    source: Source
    received_msc: int


@dataclass(frozen=True, slots=True)
class LimitsRestoreRequested:
    """Let the limits be those of the settings again; a person's act on this PC.

    Attributes:
        received_msc: when it was typed: it must not undo a tightening that came meanwhile.
    """

    reason: str
    source: Source
    received_msc: int


@dataclass(frozen=True, slots=True)
class MalformedReceived:
    """Something that does not follow the contract; answered with an error, never acted on.

    Attributes:
        excerpt: the offending message, cut short, control characters escaped.
        message_id: the same for every delivery of the message, and for no other message.
    """

    reason: str
    detail: str
    excerpt: str
    source: Source
    received_msc: int
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class AccountObserved:
    """A look at the account; feeds the broker day, the equity peak and the identity check."""

    report: AccountReport


@dataclass(frozen=True, slots=True)
class OrderAppraised:
    """A signal or command together with the facts it is to be judged on, at one instant.

    Attributes:
        appraisal: None when the terminal could not be asked; `problem` says why.
        position: the position a close or modify names; None when the terminal has none.
        superseded: a later look at the account has been taken in already.
    """

    wanted: SignalReceived | CloseRequested | ModifyRequested | CancelRequested
    appraisal: Appraisal | None
    position: Position | None
    problem: str
    now_msc: int
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class SendWithheld:
    """A journaled order was not written after all: its last check before the send said no."""

    number: int
    reason: str
    detail: str
    now_msc: int


@dataclass(frozen=True, slots=True)
class OrderReplied:
    """What came of sending an order."""

    number: int
    outcome: SubmitOutcome
    sent_msc: int
    now_msc: int


Wanted = SignalReceived | CloseRequested | ModifyRequested | CancelRequested
Input = (
    SignalReceived
    | CloseRequested
    | ModifyRequested
    | CancelRequested
    | EmergencyStopRequested
    | ResumeRequested
    | TighteningRequested
    | LimitsRestoreRequested
    | MalformedReceived
    | AccountObserved
    | OrderAppraised
    | SendWithheld
    | OrderReplied
)
