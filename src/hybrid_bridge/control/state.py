"""The control client's bounds, and how it stands. Values only; built and shown by client, read by app."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ControlLimits:
    """Times and bounds of the client.

    Attributes:
        dwell_s: a connection shorter than this counts as a failed attempt, so the waits go on growing.
        send_s: how long one message may wait for a backend that does not read.
        deliver_s: how long a delivery may take, waiting for a connection included.
        patience_s: how long the oldest input in a full line may wait before further ones are refused.
    """

    backoff_low_s: float = 0.5
    backoff_high_s: float = 30.0
    dwell_s: float = 10.0
    open_s: float = 10.0
    ping_every_s: float = 20.0
    ping_timeout_s: float = 20.0
    send_s: float = 15.0
    deliver_s: float = 15.0
    stop_s: float = 2.0
    patience_s: float = 5.0
    inputs_max: int = 1024
    slots_max: int = 1024
    answers_max: int = 256
    answer_bytes_max: int = 4 * 1024 * 1024


class Link(StrEnum):
    """Whether the backend is connected."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class ControlState:
    """How the connection stands, with figures since the start, for bridge_status.

    Attributes:
        since_msc: when `link` became what it is, UTC milliseconds.
        last_error: why the last connection or attempt ended, "" before the first end.
        malformed: received messages that do not follow the contract.
        refused: received messages turned away because the bridge was too far behind.
        reconnects: connections made after the first.
    """

    link: Link
    since_msc: int
    last_error: str
    sent: int
    received: int
    malformed: int
    refused: int
    reconnects: int
