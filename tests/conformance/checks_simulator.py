"""Checks of a client against the simulated terminal: the market, trading from entry to history, its death.

The terminal replays two small files of ticks and then stands still, so that every price, profit and
margin can be worked out by hand. Expected amounts are: contract 100,000, leverage 100, account in USD.
"""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from checking import Client, Terminal

SUCCESS = (1, "Success")
NOON_MSC = 1_715_169_600_000  # 2024-05-08 12:00 UTC
OFFSET_S = 7200
EURUSD = [(1.09 + n / 1000, 1.0901 + n / 1000) for n in range(10)]
USDJPY = [(150.0, 150.01), (150.0, 150.02)]
BID, ASK = EURUSD[-1]
WORTHS = {"EURUSD": 1.1, "XAUUSD": 2350.0, "US500": 5200.0, "BTCUSD": 64_000.0, "AAPL": 190.0}
# What a request gets for its mistake, each in an order that is right otherwise.
MISTAKES = {
    "volume too small": ({"volume": 0.001}, 10014),
    "volume off its step": ({"volume": 0.105}, 10014),
    "volume too large": ({"volume": 1e6}, 10014),
    "stop loss above a long entry": ({"sl": 1.2}, 10016),
    "take profit below a long entry": ({"tp": 1.0}, 10016),
    "no such position": ({"position": 999}, 10036),
    "no such filling": ({"type_filling": 77}, 10030),
    "no money": ({"volume": 50.0}, 10019),
}


class Trader:
    """One client at one simulated terminal."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.mt5 = client.mt5
        self.check = client.check
        self.check_call = client.check_call
        self.options = self._options()

    def _options(self) -> list[str]:
        options = ["--utc-offset", str(OFFSET_S), "--start", "12:00", "--symbols", "EURUSD,USDJPY"]
        for symbol, quotes in (("EURUSD", EURUSD), ("USDJPY", USDJPY)):
            lines = [f"{NOON_MSC + 20 * n},{bid:.5f},{ask:.5f}\n" for n, (bid, ask) in enumerate(quotes)]
            path = self.client.folder / f"{symbol}-2024-05-08.csv"
            path.write_text("".join(lines), encoding="utf-8")
            options += ["--ticks", str(path)]
        return options

    def start(self) -> Terminal:
        """Start the terminal and wait for the last tick."""
        terminal = self.client.simulator(*self.options)
        deadline = time.monotonic() + 30
        wanted = {"EURUSD": len(EURUSD), "USDJPY": len(USDJPY)}
        while not wanted.items() <= terminal.ask(do="stats")["ticks"].items():
            if time.monotonic() > deadline:
                raise TimeoutError("the simulated terminal did not replay its ticks")
            time.sleep(0.02)
        return terminal

    def buy(self, **changes: Any) -> dict[str, Any]:
        """Give a request to buy 0.1 EURUSD."""
        mt5 = self.mt5
        return {
            "action": mt5.TRADE_ACTION_DEAL,
            "symbol": "EURUSD",
            "volume": 0.1,
            "type": mt5.ORDER_TYPE_BUY,
            "price": ASK,
            "deviation": 10,
            "magic": 2**40 + 7,
            "comment": "conformance",
            "type_filling": mt5.ORDER_FILLING_IOC,
            **changes,
        }

    def send(self, name: str, request: dict[str, Any], retcode: int = 10009) -> Any:
        """Send a request and check its retcode."""
        result = self.mt5.order_send(request)
        self.check(f"{name}: retcode", retcode, None if result is None else result.retcode)
        self.check(f"{name}: last_error", SUCCESS, self.mt5.last_error())
        return result


def check_login(trader: Trader, terminal: Terminal) -> None:
    """Check initialize, login and what terminal and account say of themselves."""
    mt5, call = trader.mt5, trader.check_call
    call("plain initialize", True, SUCCESS, lambda: mt5.initialize(terminal.target))
    account = {"login": 10_000_001, "password": "any", "server": "Simulator-Demo"}
    call("initialize with account", True, SUCCESS, lambda: mt5.initialize(terminal.target, **account))
    refused = (-6, "Terminal: Authorization failed")
    wrong = {**account, "login": 5}
    call("initialize with another", False, refused, lambda: mt5.initialize(terminal.target, **wrong))
    call("initialize once more", True, SUCCESS, lambda: mt5.initialize(path=terminal.target))
    call("login", True, SUCCESS, lambda: mt5.login(10_000_001, "any", "Simulator-Demo"))
    call("login to another", False, refused, lambda: mt5.login(5, "any", "Simulator-Demo"))
    call("version", (500, 6231, "26 Sep 2025"), SUCCESS, mt5.version)
    info, found = mt5.terminal_info(), mt5.account_info()
    trader.check("terminal", [True, True, False, 6231], [
        info.connected, info.trade_allowed, info.tradeapi_disabled, info.build,
    ])  # fmt: skip
    hedging = mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    trader.check("account", [10_000_001, "Simulator-Demo", "USD", 100, hedging], [
        found.login, found.server, found.currency, found.leverage, found.margin_mode,
    ])  # fmt: skip
    trader.check("money", [10000.0, 10000.0, 0.0, 0.0, 10000.0], [
        found.balance, found.equity, found.profit, found.margin, found.margin_free,
    ])  # fmt: skip


def check_market(trader: Trader, terminal: Terminal) -> None:
    """Check symbols, ticks and bars."""
    mt5, check, call = trader.mt5, trader.check, trader.check_call
    names = [info.name for info in mt5.symbols_get()]
    check("symbols_total", len(names), mt5.symbols_total())
    check("symbols by group", sorted(name for name in names if "USD" in name), sorted(
        info.name for info in mt5.symbols_get("*USD*")
    ))  # fmt: skip
    info = mt5.symbol_info("EURUSD")
    check("symbol", ["EURUSD", 5, 0.00001, 100000.0, "EUR", "USD", "EUR", True, True], [
        info.name, info.digits, info.point, info.trade_contract_size,
        info.currency_base, info.currency_profit, info.currency_margin, info.select, info.visible,
    ])  # fmt: skip
    check("quote of symbol", [BID, ASK, 10], [info.bid, info.ask, info.spread])
    tick = mt5.symbol_info_tick("EURUSD")
    check("tick", [BID, ASK, 0.0, 0, 0.0], [tick.bid, tick.ask, tick.last, tick.volume, tick.volume_real])
    missing = (-4, "Terminal: Not found")
    call("no such symbol", None, missing, lambda: mt5.symbol_info("NOSUCH"))
    call("no tick of it", None, missing, lambda: mt5.symbol_info_tick("NOSUCH"))
    call("not selected", False, (-1, "Terminal: Call failed"), lambda: mt5.symbol_select("NOSUCH", True))
    call("selected", True, SUCCESS, lambda: mt5.symbol_select("EURUSD"))
    check_ticks(trader, terminal.ask(do="stats")["shift_msc"] + OFFSET_S * 1000)
    check_bars(trader)


def check_ticks(trader: Trader, shift_msc: int) -> None:
    """Check the ticks that the files hold."""
    mt5, check = trader.mt5, trader.check
    first_s = (NOON_MSC + shift_msc) // 1000
    ticks = mt5.copy_ticks_from("EURUSD", first_s, 100, mt5.COPY_TICKS_ALL)
    check("times of ticks", [NOON_MSC + shift_msc + 20 * n for n in range(10)], ticks["time_msc"].tolist())
    check("seconds of ticks", [msc // 1000 for msc in ticks["time_msc"].tolist()], ticks["time"].tolist())
    check("bids", [round(bid, 5) for bid, _ in EURUSD], ticks["bid"].tolist())
    check("asks", [round(ask, 5) for _, ask in EURUSD], ticks["ask"].tolist())
    check(
        "first three",
        ticks[:3].tolist(),
        mt5.copy_ticks_from("EURUSD", first_s, 3, mt5.COPY_TICKS_ALL).tolist(),
    )
    at = datetime.fromtimestamp(first_s, UTC)
    until = datetime.fromtimestamp(first_s + 5, UTC)
    check(
        "ticks of range",
        ticks.tolist(),
        mt5.copy_ticks_range("EURUSD", at, until, mt5.COPY_TICKS_INFO).tolist(),
    )
    check("no trades", 0, len(mt5.copy_ticks_range("EURUSD", at, until, mt5.COPY_TICKS_TRADE)))
    check(
        "no ticks then", 0, len(mt5.copy_ticks_range("EURUSD", first_s - 9, first_s - 5, mt5.COPY_TICKS_ALL))
    )
    trader.check_call("an array of no ticks is no failure", SUCCESS, SUCCESS, mt5.last_error)


def check_bars(trader: Trader) -> None:
    """Check the bars that the ticks make."""
    mt5, check = trader.mt5, trader.check
    bars = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_MN1, 0, 1)
    columns = ("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume")
    check("columns of bars", columns, bars.dtype.names)
    minutes = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 2)
    check("first price", 1.09, minutes["open"].tolist()[0])
    check("lowest and highest", [1.09, BID], [min(minutes["low"].tolist()), max(minutes["high"].tolist())])
    check("last price", BID, minutes["close"].tolist()[-1])
    check("ticks in bars", len(EURUSD), sum(minutes["tick_volume"].tolist()))
    last_s = minutes["time"].tolist()[-1]
    check("bars start at their minute", 0, last_s % 60)
    same = minutes[-1:].tolist()
    check("bar by date", same, mt5.copy_rates_from("EURUSD", mt5.TIMEFRAME_M1, last_s, 1).tolist())
    check("bar by range", same, mt5.copy_rates_range("EURUSD", mt5.TIMEFRAME_M1, last_s, last_s).tolist())
    failed = (-1, "Terminal: Call failed")
    trader.check_call("bars of nothing", None, failed, lambda: mt5.copy_rates_from_pos("NOSUCH", 1, 0, 1))


def check_sums(trader: Trader) -> None:
    """Check what orders would cost and bring."""
    mt5, call = trader.mt5, trader.check_call
    # Euros become dollars at what they cost now, whatever the order's price.
    call("margin", 109.91, SUCCESS, lambda: round(mt5.order_calc_margin(0, "EURUSD", 0.1, 1.05), 2))
    call("margin in dollars", 100.0, SUCCESS, lambda: mt5.order_calc_margin(0, "USDJPY", 0.1, 150.0))
    call("profit", 100.0, SUCCESS, lambda: round(mt5.order_calc_profit(0, "EURUSD", 0.1, 1.09, 1.1), 8))
    call("loss", -100.0, SUCCESS, lambda: round(mt5.order_calc_profit(1, "EURUSD", 0.1, 1.09, 1.1), 8))
    # A purchase whose price doubles earns what it is worth: so a client learns it whatever the symbol's kind.
    for name, price in WORTHS.items():
        info = mt5.symbol_info(name)
        value = info.volume_max * info.trade_contract_size * price
        worth = partial(mt5.order_calc_profit, 0, name, info.volume_max, price, 2 * price)
        call(f"worth of {name}", round(value, 2), SUCCESS, worth)
    yen = 150.0 * 100_000 / USDJPY[-1][1]
    call(
        "worth in yen", round(yen, 2), SUCCESS, lambda: mt5.order_calc_profit(0, "USDJPY", 1.0, 150.0, 300.0)
    )
    trader.check("mistaken sums", [None, None], [
        mt5.order_calc_margin(0, "NOSUCH", 0.1, 1.0), mt5.order_calc_profit(0, "NOSUCH", 0.1, 1.0, 1.1),
    ])  # fmt: skip
    checked = mt5.order_check(trader.buy())
    trader.check("order_check", [0, "Done", 10000.0], [checked.retcode, checked.comment, checked.balance])
    trader.check("margin of order_check", round(ASK * 100, 2), round(checked.margin, 2))
    for name, (change, retcode) in MISTAKES.items():
        trader.check(f"order_check of {name}", retcode, mt5.order_check(trader.buy(**change)).retcode)
        found = trader.send(name, trader.buy(**change), retcode)
        trader.check(f"{name}: nothing done", [0, 0], [found.deal, found.order])


def check_position(trader: Trader) -> None:
    """Check a position from its opening over a partial closing to its end."""
    mt5, check = trader.mt5, trader.check
    opened = trader.send("open", trader.buy(sl=1.05, tp=1.15))
    check("filled", [0.1, ASK, "conformance"], [opened.volume, opened.price, opened.request.comment])
    (position,) = mt5.positions_get(ticket=opened.order)
    check("position's tickets", [opened.order] * 2, [position.ticket, position.identifier])
    check("position", ["EURUSD", 0.1, ASK, 1.05, 1.15, 2**40 + 7, "conformance"], [
        position.symbol, position.volume, position.price_open,
        position.sl, position.tp, position.magic, position.comment,
    ])  # fmt: skip
    check("position's profit", [-1.0, BID], [round(position.profit, 8), position.price_current])
    check("position's time", True, position.time == position.time_msc // 1000)
    check("the same by symbol", (position,), mt5.positions_get(symbol="EURUSD"))
    check("the same by group", (position,), mt5.positions_get(group="*USD,!GBP*"))
    check("none of another", [(), (), ()], [
        mt5.positions_get(symbol="USDJPY"), mt5.positions_get(ticket=5), mt5.positions_get(group="GBP*"),
    ])  # fmt: skip
    check("one position", 1, mt5.positions_total())
    account = mt5.account_info()
    check("money with a position", [10000.0, -1.0, 9999.0, round(ASK * 100, 2)], [
        account.balance, account.profit, account.equity, round(account.margin, 2),
    ])  # fmt: skip
    change = {"action": mt5.TRADE_ACTION_SLTP, "symbol": "EURUSD", "position": position.ticket}
    trader.send("move stops", {**change, "sl": 1.06, "tp": 0.0})
    (position,) = mt5.positions_get(ticket=opened.order)
    check("moved stops", [1.06, 0.0], [position.sl, position.tp])
    trader.send("move stops to where they are", {**change, "sl": 1.06, "tp": 0.0}, 10025)
    leave = trader.buy(type=mt5.ORDER_TYPE_SELL, price=BID, position=position.ticket)
    trader.send("close too much", {**leave, "volume": 0.2}, 10038)
    part = trader.send("close a part", {**leave, "volume": 0.04})
    (position,) = mt5.positions_get(ticket=opened.order)
    check("the rest", [0.06, -0.6], [position.volume, round(position.profit, 8)])
    check("closing the rest", True, mt5.Close("EURUSD"))
    check("nothing left", [(), 0], [mt5.positions_get(), mt5.positions_total()])
    check_history(trader, opened, part)


def check_history(trader: Trader, opened: Any, part: Any) -> None:
    """Check orders and deals that a position leaves behind."""
    mt5, check = trader.mt5, trader.check
    deals = mt5.history_deals_get(position=opened.order)
    check("deals", [[mt5.DEAL_ENTRY_IN, 0.1, ASK, 0.0], [mt5.DEAL_ENTRY_OUT, 0.04, BID, -0.4],
                    [mt5.DEAL_ENTRY_OUT, 0.06, BID, -0.6]],
          [[deal.entry, deal.volume, deal.price, round(deal.profit, 8)] for deal in deals])  # fmt: skip
    check("sides", [mt5.DEAL_TYPE_BUY, mt5.DEAL_TYPE_SELL, mt5.DEAL_TYPE_SELL], [deal.type for deal in deals])
    check("links", [opened.order] * 3, [deal.position_id for deal in deals])
    check("tickets", [[opened.deal, opened.order], [part.deal, part.order]], [
        [deal.ticket, deal.order] for deal in deals[:2]
    ])  # fmt: skip
    orders = mt5.history_orders_get(position=opened.order)
    check("orders", [mt5.ORDER_STATE_FILLED] * 3, [order.state for order in orders])
    check("orders and deals", [deal.order for deal in deals], [order.ticket for order in orders])
    first_s, last_s = deals[0].time, deals[-1].time
    check("deals by dates", deals, mt5.history_deals_get(first_s, last_s + 1, group="EUR*"))
    check("deals of another group", (), mt5.history_deals_get(first_s, last_s + 1, group="*JPY"))
    check("orders by dates", orders, mt5.history_orders_get(first_s, last_s + 1, group="EUR*"))
    check("totals", [3, 3], [
        mt5.history_deals_total(first_s, last_s + 1), mt5.history_orders_total(first_s, last_s + 1),
    ])  # fmt: skip
    check("a deal by its ticket", (deals[1],), mt5.history_deals_get(ticket=part.deal))
    check("an order by its ticket", (orders[1],), mt5.history_orders_get(ticket=part.order))
    check("tickets of nothing", [(), ()], [mt5.history_deals_get(ticket=5), mt5.history_orders_get(ticket=5)])
    check("positions of nothing", [(), ()], [
        mt5.history_deals_get(position=5), mt5.history_orders_get(position=5),
    ])  # fmt: skip
    check("balance afterwards", 9999.0, mt5.account_info().balance)


def check_pending(trader: Trader) -> None:
    """Check a waiting order from its placing to its removal."""
    mt5, check = trader.mt5, trader.check
    limit = trader.buy(action=mt5.TRADE_ACTION_PENDING, type=mt5.ORDER_TYPE_BUY_LIMIT, price=1.05)
    limit["type_filling"] = mt5.ORDER_FILLING_RETURN
    trader.send("a limit on the wrong side", {**limit, "price": 1.2}, 10015)
    placed = trader.send("place", limit)
    check("placed", [0, True], [placed.deal, placed.order > 0])
    (order,) = mt5.orders_get(ticket=placed.order)
    check("order", [placed.order, mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_STATE_PLACED], [
        order.ticket, order.type, order.state,
    ])  # fmt: skip
    check("what is ordered", ["EURUSD", 0.1, 0.1, 1.05], [
        order.symbol, order.volume_initial, order.volume_current, order.price_open,
    ])  # fmt: skip
    check("one order", [1, (order,)], [mt5.orders_total(), mt5.orders_get()])
    check("orders by symbol", [(order,), ()], [
        mt5.orders_get(symbol="EURUSD"), mt5.orders_get(symbol="USDJPY"),
    ])  # fmt: skip
    change = {"action": mt5.TRADE_ACTION_MODIFY, "order": placed.order, "price": 1.04, "sl": 1.0, "tp": 1.3}
    trader.send("modify", change)
    (order,) = mt5.orders_get()
    check("modified", [1.04, 1.0, 1.3], [order.price_open, order.sl, order.tp])
    trader.send("remove", {"action": mt5.TRADE_ACTION_REMOVE, "order": placed.order})
    check("removed", [(), 0], [mt5.orders_get(), mt5.orders_total()])
    trader.send("remove once more", {"action": mt5.TRADE_ACTION_REMOVE, "order": placed.order}, 10013)
    (order,) = mt5.history_orders_get(ticket=placed.order)
    check("in history", mt5.ORDER_STATE_CANCELED, order.state)


def check_helpers(trader: Trader) -> None:
    """Check Buy, Sell and Close, and that hedging positions live side by side."""
    mt5, check = trader.mt5, trader.check
    bought, sold = mt5.Buy("EURUSD", 0.1, comment="up"), mt5.Sell("EURUSD", 0.2)
    check("Buy and Sell", [10009, ASK, 10009, BID], [bought.retcode, bought.price, sold.retcode, sold.price])
    check("side by side", [0.1, 0.2], [position.volume for position in mt5.positions_get()])
    check("Close one", True, mt5.Close("EURUSD", ticket=sold.order))
    check("left", [bought.order], [position.ticket for position in mt5.positions_get()])
    check("Close all", True, mt5.Close("EURUSD"))
    check("Close nothing", False, mt5.Close("EURUSD"))
    no_tick = "'NoneType' object has no attribute 'ask'"
    try:
        found = str(mt5.Buy("NOSUCH", 0.1))
    except AttributeError as error:
        found = str(error)
    check("Buy of nothing", no_tick, found)


def check_death(trader: Trader, terminal: Terminal) -> None:
    """Check a terminal that is killed between two calls and started again."""
    mt5, call = trader.mt5, trader.check_call
    call("alive", True, SUCCESS, lambda: mt5.account_info() is not None)
    terminal.end()
    lost = (-10001, "IPC send failed")
    for count in range(3):
        call(f"killed {count}", None, lost, mt5.account_info)
    call("order to the dead", None, lost, lambda: mt5.order_send(trader.buy()))
    call("book of the dead", False, SUCCESS, lambda: mt5.market_book_add("EURUSD"))
    call("version of the dead", (0, 0, ""), lost, mt5.version)
    again = trader.client.simulator(*trader.options, at=terminal.target)
    try:
        call("back, but nothing reconnects by itself", None, lost, mt5.account_info)
        call("initialize after the restart", True, SUCCESS, lambda: mt5.initialize(again.target))
        call("at work again", 10_000_001, SUCCESS, lambda: mt5.account_info().login)
        call("shutdown at last", True, SUCCESS, mt5.shutdown)
        call("nothing after it", None, (-10004, "No IPC connection"), mt5.account_info)
    finally:
        again.end()


def check_all(client: Client) -> None:
    """Go through all checks of this kind."""
    trader = Trader(client)
    terminal = trader.start()
    try:
        check_login(trader, terminal)
        check_market(trader, terminal)
        for check in (check_sums, check_position, check_pending, check_helpers):
            check(trader)
        check_death(trader, terminal)
    finally:
        terminal.end()
