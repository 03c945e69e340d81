"""What a trade server answers to a request: codes with the words beside them.

Owns the comments of the results and the exception by which a check refuses a request.

Source: results observed with the MetaTrader5 package; MQL5 reference, trade server return codes.
"""

from hybrid_bridge.simulator import constants as mt5

CHECK_OK = 0

COMMENTS = {
    CHECK_OK: "Done",
    mt5.TRADE_RETCODE_REQUOTE: "Requote",
    mt5.TRADE_RETCODE_REJECT: "Request rejected",
    mt5.TRADE_RETCODE_CANCEL: "Request canceled",
    mt5.TRADE_RETCODE_PLACED: "Request placed",
    mt5.TRADE_RETCODE_DONE: "Request executed",
    mt5.TRADE_RETCODE_DONE_PARTIAL: "Request executed partially",
    mt5.TRADE_RETCODE_ERROR: "Common error",
    mt5.TRADE_RETCODE_TIMEOUT: "Request timed out",
    mt5.TRADE_RETCODE_INVALID: "Invalid request",
    mt5.TRADE_RETCODE_INVALID_VOLUME: "Invalid volume",
    mt5.TRADE_RETCODE_INVALID_PRICE: "Invalid price",
    mt5.TRADE_RETCODE_INVALID_STOPS: "Invalid stops",
    mt5.TRADE_RETCODE_TRADE_DISABLED: "Trade disabled",
    mt5.TRADE_RETCODE_MARKET_CLOSED: "Market closed",
    mt5.TRADE_RETCODE_NO_MONEY: "No money",
    mt5.TRADE_RETCODE_PRICE_CHANGED: "Price changed",
    mt5.TRADE_RETCODE_PRICE_OFF: "No prices",
    mt5.TRADE_RETCODE_INVALID_EXPIRATION: "Invalid expiration",
    mt5.TRADE_RETCODE_ORDER_CHANGED: "Order changed",
    mt5.TRADE_RETCODE_TOO_MANY_REQUESTS: "Too many requests",
    mt5.TRADE_RETCODE_NO_CHANGES: "No changes",
    mt5.TRADE_RETCODE_SERVER_DISABLES_AT: "AutoTrading disabled by server",
    mt5.TRADE_RETCODE_CLIENT_DISABLES_AT: "AutoTrading disabled by client",
    mt5.TRADE_RETCODE_LOCKED: "Request locked",
    mt5.TRADE_RETCODE_FROZEN: "Modification failed due to order or position being close to market",
    mt5.TRADE_RETCODE_INVALID_FILL: "Unsupported filling mode",
    mt5.TRADE_RETCODE_CONNECTION: "No connection",
    mt5.TRADE_RETCODE_ONLY_REAL: "Only real accounts allowed",
    mt5.TRADE_RETCODE_LIMIT_ORDERS: "Orders limit reached",
    mt5.TRADE_RETCODE_LIMIT_VOLUME: "Volume limit reached",
    mt5.TRADE_RETCODE_INVALID_ORDER: "Invalid order",
    mt5.TRADE_RETCODE_POSITION_CLOSED: "Position doesn't exist",
    mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME: "Invalid close volume",
    mt5.TRADE_RETCODE_CLOSE_ORDER_EXIST: "Close order already exists",
    mt5.TRADE_RETCODE_LIMIT_POSITIONS: "Positions limit reached",
    mt5.TRADE_RETCODE_REJECT_CANCEL: "Request rejected, order canceled",
    mt5.TRADE_RETCODE_LONG_ONLY: "Long only",
    mt5.TRADE_RETCODE_SHORT_ONLY: "Short only",
    mt5.TRADE_RETCODE_CLOSE_ONLY: "Close only",
    mt5.TRADE_RETCODE_FIFO_CLOSE: "FIFO close only",
    mt5.TRADE_RETCODE_HEDGE_PROHIBITED: "Hedge prohibited",
}


class RefusedError(Exception):
    """A request that the trade server does not carry out.

    Args:
        retcode: the reason, a TRADE_RETCODE.
        bid: the price to come back with, for a requote; else 0.
        ask: likewise.
    """

    def __init__(self, retcode: int, bid: float = 0.0, ask: float = 0.0) -> None:
        super().__init__(retcode)
        self.retcode = retcode
        self.bid = bid
        self.ask = ask
