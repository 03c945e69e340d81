"""Every error the bridge raises on purpose, with the process exit code that it leads to.

A leaf: imports nothing of the project, anyone may import it. Foreign exceptions are turned into these at the
one place that imports the foreign library.
"""

from typing import ClassVar


class BridgeError(Exception):
    """Base of all errors that the bridge raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(BridgeError):
    """The settings cannot be used; the text lists every problem, one a line."""

    exit_code = 2


class RecoveryRefused(BridgeError):
    """Recovery cannot finish safely, so trading must not start."""

    exit_code = 3


class AlreadyRunning(BridgeError):
    """Another bridge holds this STATE_DIR, or trades this account on this PC."""

    exit_code = 4


class JournalError(BridgeError):
    """The journal cannot be read or written; no order may be sent without it."""


class AlreadyJournaled(JournalError):
    """The signal's id is in the journal from before what memory holds; nothing was recorded.

    Attributes:
        number: the intent that carries the id.
        payload_hash: of what came with it then.
    """

    def __init__(self, signal_id: str, number: int, payload_hash: str) -> None:
        super().__init__(f"signal {signal_id} is intent {number} already")
        self.number = number
        self.payload_hash = payload_hash


class ChannelError(BridgeError):
    """A channel (Redpanda or WebSocket) cannot take or give messages now; try again later."""


class MalformedMessage(BridgeError):
    """A message does not follow the contract.

    Attributes:
        reason: a short name such as "not_json", "unknown_type" or "invalid_field".
        detail: what was seen and what was expected, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class LaneError(BridgeError):
    """A lane could not complete a call."""


class LaneUnavailable(LaneError):
    """The lane had no connection to the terminal, so the request was certainly not written."""


class LaneInterrupted(LaneError):
    """The lane died or was killed at its deadline; whether the terminal acted is not known."""


class CallFailed(LaneError):
    """The terminal answered a query with an error.

    Attributes:
        code: the package's last_error code, negative.
        text: the package's last_error text.
    """

    def __init__(self, call: str, code: int, text: str) -> None:
        super().__init__(f"{call}: {text} ({code})")
        self.call = call
        self.code = code
        self.text = text
