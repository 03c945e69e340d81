"""What the account and the terminal look like: money, positions, pending orders, deals, identity.

Values only, money in the account's currency. Times are UTC milliseconds, or None while the server's clock
offset is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_bridge.core.market import Side


@dataclass(frozen=True, slots=True)
class Account:
    """The account's figures (MQL5 reference, ACCOUNT_*).

    Attributes:
        margin_level: equity / margin in percent, 0 while no margin is used.
        trade_allowed: False under a read-only (investor) login.
        trade_expert: False when the broker forbids automated trading.
        hedging: whether several positions per symbol can exist.
    """

    login: int
    server: str
    currency: str
    balance: float
    equity: float
    profit: float
    margin: float
    free_margin: float
    margin_level: float
    leverage: int
    trade_allowed: bool
    trade_expert: bool
    hedging: bool


@dataclass(frozen=True, slots=True)
class TerminalStatus:
    """The terminal's own state (MQL5 reference, TERMINAL_*).

    Attributes:
        connected: whether the terminal has its link to the broker.
        trade_allowed: the Algo Trading button.
        api_disabled: Options > Expert Advisors > "Disable automated trading via external Python API".
    """

    path: str
    build: int
    connected: bool
    trade_allowed: bool
    api_disabled: bool


@dataclass(frozen=True, slots=True)
class Position:
    """An open position."""

    ticket: int
    identifier: int
    symbol: str
    side: Side
    volume: float
    price_open: float
    price_current: float
    stop_loss: float
    take_profit: float
    profit: float
    swap: float
    magic: int
    comment: str
    time_msc: int | None


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order that waits at the venue.

    Attributes:
        type: the package's ORDER_TYPE_* value (2 to 7).
    """

    ticket: int
    symbol: str
    type: int
    volume: float
    price_open: float
    stop_loss: float
    take_profit: float
    magic: int
    comment: str


@dataclass(frozen=True, slots=True)
class HistoricOrder:
    """An order that is over, from the account's history.

    Attributes:
        state: the package's ORDER_STATE_* value (4 filled, 2 cancelled, 5 rejected, 6 expired, ...).
    """

    ticket: int
    position_id: int
    symbol: str
    state: int
    volume_initial: float
    volume_current: float
    magic: int
    comment: str


@dataclass(frozen=True, slots=True)
class Deal:
    """One execution, from the account's history.

    Attributes:
        entry: the package's DEAL_ENTRY_* value (0 in, 1 out, 2 in and out, 3 out by).
        profit, commission, swap, fee: account currency; costs are negative.
    """

    ticket: int
    order: int
    position_id: int
    symbol: str
    side: Side
    entry: int
    volume: float
    price: float
    profit: float
    commission: float
    swap: float
    magic: int
    comment: str
    time_msc: int | None
    fee: float = 0.0


@dataclass(frozen=True, slots=True)
class Worth:
    """What one lot of a symbol is worth, and in what.

    Attributes:
        currency_base: what one lot consists of; an index or a share may give its profit currency here.
        currency_profit: what its price is counted in.
        money_per_lot: one lot at the present price, account currency; None when it could not be calculated.
    """

    symbol: str
    currency_base: str
    currency_profit: str
    money_per_lot: float | None


@dataclass(frozen=True, slots=True)
class Valuation:
    """What all that is open could lose and is worth, in the account's currency.

    Attributes:
        position_losses: by ticket, what is lost from the opening price to the stop, a profit counted as 0;
            None when there is no stop or it could not be calculated.
        order_losses: the same for pending orders, from the price that they wait for.
        worths: by symbol, for every position and pending order, and for the symbol that was asked about.
    """

    position_losses: Mapping[int, float | None]
    order_losses: Mapping[int, float | None]
    worths: Mapping[str, Worth]


@dataclass(frozen=True, slots=True)
class BalanceOperation:
    """Money paid in or out, a credit or a bonus: what moves the equity and is neither profit nor loss.

    Attributes:
        ticket: of the deal that booked it.
        amount: account currency, negative when paid out.
        time_msc: UTC milliseconds; None while the server's clock is unknown.
    """

    ticket: int
    amount: float
    time_msc: int | None


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One look at everything that belongs to the account.

    Attributes:
        at_msc: when the bridge looked, UTC milliseconds.
        server_day: the broker's calendar day as days since 1970-01-01; None while its clock is unknown.
        valuation: None where it was not asked for.
        balance_operations: the latest, oldest first; those that were told before come again.
        money_explained: False while balance or credit have moved and the deals that would tell why are
            still to come, for a minute at most: what was paid in or out looks like a profit or a loss.
    """

    account: Account
    terminal: TerminalStatus
    positions: tuple[Position, ...]
    orders: tuple[PendingOrder, ...]
    at_msc: int
    server_day: int | None
    valuation: Valuation | None = None
    balance_operations: tuple[BalanceOperation, ...] = ()
    money_explained: bool = True
