"""The rows that a worker's replies are made of, field for field as the package names them.

Shared by both ends, so it stays light. Times in them are the broker's wall clock, money is in the account's
currency. The worker fills them from the package's structures, `values` turns them into core values.
"""

import msgspec


class SymbolRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of SymbolInfo that rules are made of."""

    name: str
    digits: int
    point: float
    trade_tick_size: float
    trade_contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    volume_limit: float
    trade_stops_level: int
    trade_freeze_level: int
    filling_mode: int
    trade_exemode: int
    trade_mode: int
    currency_base: str
    currency_profit: str
    currency_margin: str


class QuoteRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of Tick in use."""

    bid: float
    ask: float
    time_msc: int


class AccountRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of AccountInfo in use."""

    login: int
    server: str
    currency: str
    balance: float
    equity: float
    profit: float
    margin: float
    margin_free: float
    margin_level: float
    leverage: int
    trade_allowed: bool
    trade_expert: bool
    margin_mode: int


class TerminalRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of TerminalInfo in use."""

    path: str
    build: int
    connected: bool
    trade_allowed: bool
    tradeapi_disabled: bool


class PositionRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of TradePosition in use."""

    ticket: int
    identifier: int
    symbol: str
    type: int
    volume: float
    price_open: float
    price_current: float
    sl: float
    tp: float
    profit: float
    swap: float
    magic: int
    comment: str
    time_msc: int


class OrderRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of TradeOrder in use, for waiting and for historic orders."""

    ticket: int
    position_id: int
    symbol: str
    type: int
    state: int
    volume_initial: float
    volume_current: float
    price_open: float
    price_stoplimit: float
    sl: float
    tp: float
    magic: int
    comment: str


class DealRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of TradeDeal in use."""

    ticket: int
    order: int
    position_id: int
    symbol: str
    type: int
    entry: int
    volume: float
    price: float
    profit: float
    commission: float
    swap: float
    fee: float
    magic: int
    comment: str
    time_msc: int


class SendRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields of OrderSendResult in use."""

    retcode: int
    deal: int
    order: int
    volume: float
    price: float
    bid: float
    ask: float
    comment: str
    request_id: int
    retcode_external: int


class WorthRow(msgspec.Struct, frozen=True, array_like=True):
    """What one lot of a symbol is worth: two fields of SymbolInfo and what order_calc_profit made of it."""

    symbol: str
    currency_base: str
    currency_profit: str
    money_per_lot: float | None


class BookingRow(msgspec.Struct, frozen=True, array_like=True):
    """The fields in use of a TradeDeal that books money in or out and is no trade."""

    ticket: int
    profit: float
    time_msc: int
