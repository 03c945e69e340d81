"""A simulated account to trade by hand in tests: quotes in, requests out, times that move."""

from typing import Any

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.exchange import Exchange
from hybrid_bridge.simulator.ledger import Ledger
from hybrid_bridge.simulator.records import OrderSendResult, TradePosition, TradeRequest
from hybrid_bridge.simulator.savedstate import SavedState
from hybrid_bridge.simulator.terms import USUAL, Terms

# Monday 2026-06-01, 10:00 by the server's clock.
MONDAY_MSC = 1_780_308_000_000
HOUR_MSC = 3_600_000
DAY_MSC = 24 * HOUR_MSC
DONE = mt5.TRADE_RETCODE_DONE


class Account:
    """An exchange with a clock that a test moves."""

    def __init__(self, ledger: Ledger | None = None, state: SavedState | None = None, **config: Any) -> None:
        self.exchange = Exchange(ExchangeConfig(**config), ledger, state)
        self.now_msc = MONDAY_MSC

    def quote(self, symbol: str, bid: float, ask: float, *, after_msc: int = 100) -> None:
        """Bring a tick a little later."""
        self.now_msc += after_msc
        self.exchange.on_tick(symbol, self.now_msc, bid, ask)

    def wait(self, msc: int) -> None:
        """Let time pass without a tick."""
        self.now_msc += msc
        self.exchange.advance_clock(self.now_msc)

    def send(self, action: int, *, terms: Terms = USUAL, **fields: Any) -> OrderSendResult:
        """Send a request."""
        return self.exchange.order_send(TradeRequest(action=action, **fields), terms)

    def deal(self, order_type: int, symbol: str, volume: float, **fields: Any) -> OrderSendResult:
        """Send a market order."""
        return self.send(mt5.TRADE_ACTION_DEAL, type=order_type, symbol=symbol, volume=volume, **fields)

    def buy(self, symbol: str, volume: float, **fields: Any) -> OrderSendResult:
        """Buy at the market."""
        return self.deal(mt5.ORDER_TYPE_BUY, symbol, volume, **fields)

    def sell(self, symbol: str, volume: float, **fields: Any) -> OrderSendResult:
        """Sell at the market."""
        return self.deal(mt5.ORDER_TYPE_SELL, symbol, volume, **fields)

    def pending(
        self, order_type: int, symbol: str, volume: float, price: float, **fields: Any
    ) -> OrderSendResult:
        """Place a pending order; it waits with the filling policy every symbol takes."""
        filling = {"type_filling": mt5.ORDER_FILLING_RETURN, **fields}
        return self.send(
            mt5.TRADE_ACTION_PENDING,
            type=order_type,
            symbol=symbol,
            volume=volume,
            price=price,
            **filling,
        )

    def position(self) -> TradePosition:
        """Give the only position."""
        (position,) = self.exchange.positions()
        return position

    def balance(self) -> float:
        """Give the balance."""
        return self.exchange.account_info().balance

    def last_deal(self) -> Any:
        """Give the newest deal."""
        return self.exchange.history_deals(0, 2**40)[-1]

    def last_order(self) -> Any:
        """Give the newest finished order."""
        return self.exchange.history_orders(0, 2**40)[-1]


def dollar_account(**config: Any) -> Account:
    """Give an account in USD with quotes on a symbol of every kind."""
    account = Account(**{"balance": 100_000.0, **config})
    account.quote("EURUSD", 1.08500, 1.08510)
    account.quote("GBPUSD", 1.27000, 1.27020)
    account.quote("USDJPY", 150.000, 150.010)
    account.quote("EURGBP", 0.85400, 0.85420)
    account.quote("XAUUSD", 2350.000, 2350.200)
    account.quote("US500", 5200.00, 5200.50)
    account.quote("BTCUSD", 64000.00, 64018.00)
    account.quote("AAPL", 190.00, 190.02)
    return account
