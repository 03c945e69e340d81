"""What the check asks a worker beyond what lanes ask: package, permissions, symbols, a rehearsal.

Shared by both ends, so it stays light. Deadlines are short, for a person waits; but loading the package loads
NumPy, which takes half a minute on a busy PC whose virus scanner looks through it.
"""

import msgspec

from hybrid_bridge.terminal.operations import Nothing, Operation, Priority, SubmitArgs
from hybrid_bridge.terminal.rows import QuoteRow, SymbolRow


class PackageReply(msgspec.Struct, frozen=True):
    """The module that can be imported.

    Attributes:
        version: as it says itself, "" when it does not.
        numpy: the version of NumPy beside it, "" where it needs none.
    """

    version: str
    numpy: str


class TerminalState(msgspec.Struct, frozen=True, array_like=True):
    """The fields of TerminalInfo that a person can mend; ping_last is in microseconds."""

    name: str
    company: str
    path: str
    build: int
    connected: bool
    trade_allowed: bool
    tradeapi_disabled: bool
    ping_last: int


class AccountState(msgspec.Struct, frozen=True, array_like=True):
    """The fields of AccountInfo that permissions hang on; trade_mode is demo 0, contest 1 or real 2."""

    login: int
    server: str
    currency: str
    leverage: int
    trade_mode: int
    margin_mode: int
    trade_allowed: bool
    trade_expert: bool


class StateReply(msgspec.Struct, frozen=True):
    """Terminal and account as they are now."""

    terminal: TerminalState
    account: AccountState


class SymbolsArgs(msgspec.Struct, frozen=True):
    """Which symbols are wanted."""

    symbols: list[str]


class SymbolState(msgspec.Struct, frozen=True):
    """One symbol.

    Attributes:
        spec: None when the terminal does not have it.
        near: names like it, where it does not have it.
        added: whether it had to be put into the Market Watch.
        refusal: why it could not be; empty when it could, or was there.
        quote: its newest prices, None while there are none.
    """

    name: str
    spec: SymbolRow | None
    near: list[str]
    added: bool
    refusal: str
    quote: QuoteRow | None


class SymbolsReply(msgspec.Struct, frozen=True):
    """The symbols in the order asked for."""

    symbols: list[SymbolState]


class RehearseReply(msgspec.Struct, frozen=True):
    """What order_check said of a request that is never sent; retcode 0 is its yes."""

    retcode: int
    comment: str
    margin: float
    margin_free: float


PACKAGE = Operation("package", Nothing, PackageReply, Priority.REPORT, 90.0, 0.0)
STATE = Operation("state", Nothing, StateReply, Priority.REPORT, 5.0, 0.0)
SYMBOLS = Operation("symbols", SymbolsArgs, SymbolsReply, Priority.REPORT, 30.0, 0.0)
REHEARSE = Operation("rehearse", SubmitArgs, RehearseReply, Priority.REPORT, 10.0, 0.0)

DIAGNOSIS = (PACKAGE, STATE, SYMBOLS, REHEARSE)
