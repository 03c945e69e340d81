"""What the market looks like: ticks, quotes and the rules of a symbol.

Values only. Prices are in the symbol's quote currency, volumes in lots, times in UTC milliseconds unless the
name says `server_`.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Side(StrEnum):
    """The direction of an entry."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TradeMode(IntEnum):
    """Which directions the venue accepts. Source: MQL5 reference, ENUM_SYMBOL_TRADE_MODE."""

    DISABLED = 0
    LONG_ONLY = 1
    SHORT_ONLY = 2
    CLOSE_ONLY = 3
    FULL = 4


class ExecutionMode(IntEnum):
    """How the venue fills. Source: MQL5 reference, ENUM_SYMBOL_TRADE_EXECUTION."""

    REQUEST = 0
    INSTANT = 1
    MARKET = 2
    EXCHANGE = 3


@dataclass(frozen=True, slots=True)
class Tick:
    """One change of a symbol's prices.

    Attributes:
        time_msc: when it happened, UTC milliseconds.
        volume: of the last deal, 0 where the venue reports none.
    """

    symbol: str
    bid: float
    ask: float
    last: float
    volume: int
    time_msc: int


@dataclass(frozen=True, slots=True)
class SequencedTick:
    """A tick with its place in the symbol's published sequence (1, 2, 3, ... without holes)."""

    tick: Tick
    seq: int


@dataclass(frozen=True, slots=True)
class TickCursor:
    """How far a symbol's ticks have been published and acknowledged.

    Attributes:
        server_time_msc: the last acknowledged tick's time, broker's wall clock.
        taken: how many ticks of exactly that millisecond were acknowledged.
        seq: the last acknowledged sequence number, 0 before the first.
    """

    symbol: str
    server_time_msc: int
    taken: int
    seq: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The current bid and ask that a decision is made on.

    Attributes:
        time_msc: of the last tick, UTC milliseconds; None while the server's clock offset is unknown.
    """

    symbol: str
    bid: float
    ask: float
    time_msc: int | None

    def entry_price(self, side: Side) -> float:
        """Return the price an order of this side would fill at."""
        return self.ask if side is Side.BUY else self.bid

    def exit_price(self, side: Side) -> float:
        """Return the price a position of this side would close at."""
        return self.bid if side is Side.BUY else self.ask


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """The rules a symbol is traded by, as the terminal reports them (MQL5 reference, SYMBOL_*).

    Attributes:
        volume_limit: total lots allowed in one direction, 0 for none.
        stops_level: least distance of stops from the price, in points.
        filling_mode: bit mask of permitted fillings (FOK 1, IOC 2).
    """

    name: str
    digits: int
    point: float
    tick_size: float
    contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    volume_limit: float
    stops_level: int
    freeze_level: int
    filling_mode: int
    execution_mode: int
    trade_mode: int
    currency_base: str
    currency_profit: str
    currency_margin: str
