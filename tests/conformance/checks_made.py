"""Checks of a client against a terminal that answers as told: values, requests, errors, connections.

Owns what every function sends and what it makes of each kind of answer. The expectations are written
down from the genuine package.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import surface
from checking import Client, Terminal, shaped

SUCCESS = (1, "Success")
DAY = datetime(2024, 5, 8, 12, 30, 0, 999_999, tzinfo=UTC)
DAY_S = 1_715_171_400
REQUEST = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "price": 1.1, "comment": "a\U0001f4c8"}
TEXTS = {
    -1: "Terminal: Call failed",
    -2: "Terminal: Invalid params",
    -3: "Terminal: Out of memory",
    -4: "Terminal: Not found",
    -5: "Terminal: Incompatible versions, please install the latest version of Terminal and Python module",
    -6: "Terminal: Authorization failed",
    -7: "Terminal: Unsupported function",
    -8: "Terminal: Call failed",
    -9: "Terminal: Call failed",
    -100: "Terminal: Call failed",
    -10000: "IPC call failed",
    -10001: "IPC send failed",
    -10002: "IPC recv failed",
    -10004: "No IPC connection",
    -10005: "IPC timeout",
}
API_DISABLED = "Auto-Trading using Python API disabled in Terminal"
BOOK = ("market_book_add", "market_book_release")


def calls(mt5: Any) -> dict[str, Callable[[], Any]]:
    """Give one call of every function that asks the terminal, by name."""
    return {
        "version": mt5.version,
        "terminal_info": mt5.terminal_info,
        "account_info": mt5.account_info,
        "symbols_total": mt5.symbols_total,
        "symbols_get": mt5.symbols_get,
        "symbols_get group": lambda: mt5.symbols_get("*USD*,!EUR*"),
        "symbol_info": lambda: mt5.symbol_info("EURUSD"),
        "symbol_info_tick": lambda: mt5.symbol_info_tick("EURUSD"),
        "symbol_select": lambda: mt5.symbol_select("EURUSD", True),
        "market_book_add": lambda: mt5.market_book_add("EURUSD"),
        "market_book_get": lambda: mt5.market_book_get("EURUSD"),
        "market_book_release": lambda: mt5.market_book_release("EURUSD"),
        "copy_rates_from": lambda: mt5.copy_rates_from("EURUSD", 16385, DAY, 10),
        "copy_rates_from_pos": lambda: mt5.copy_rates_from_pos("EURUSD", 16385, 0, 10),
        "copy_rates_range": lambda: mt5.copy_rates_range("EURUSD", 16385, DAY, DAY),
        "copy_ticks_from": lambda: mt5.copy_ticks_from("EURUSD", DAY, 10, -1),
        "copy_ticks_range": lambda: mt5.copy_ticks_range("EURUSD", DAY, DAY, -1),
        "order_calc_margin": lambda: mt5.order_calc_margin(0, "EURUSD", 0.1, 1.1),
        "order_calc_profit": lambda: mt5.order_calc_profit(0, "EURUSD", 0.1, 1.1, 1.2),
        "order_check": lambda: mt5.order_check(REQUEST),
        "order_send": lambda: mt5.order_send(REQUEST),
        "orders_total": mt5.orders_total,
        "orders_get": mt5.orders_get,
        "orders_get symbol": lambda: mt5.orders_get(symbol="EURUSD"),
        "orders_get ticket": lambda: mt5.orders_get(ticket=5),
        "positions_total": mt5.positions_total,
        "positions_get": mt5.positions_get,
        "positions_get symbol": lambda: mt5.positions_get(symbol="EURUSD"),
        "positions_get ticket": lambda: mt5.positions_get(ticket=5),
        "history_orders_total": lambda: mt5.history_orders_total(DAY, DAY),
        "history_orders_get": lambda: mt5.history_orders_get(DAY, DAY),
        "history_orders_get position": lambda: mt5.history_orders_get(position=5),
        "history_orders_get ticket": lambda: mt5.history_orders_get(ticket=5),
        "history_deals_total": lambda: mt5.history_deals_total(DAY, DAY),
        "history_deals_get": lambda: mt5.history_deals_get(DAY, DAY),
        "history_deals_get position": lambda: mt5.history_deals_get(position=5),
        "history_deals_get ticket": lambda: mt5.history_deals_get(ticket=5),
    }


# What each of them answers with: a structure, a list of it, rows, or a value.
ONE = {
    "terminal_info": "TerminalInfo",
    "account_info": "AccountInfo",
    "symbol_info": "SymbolInfo",
    "symbol_info_tick": "Tick",
    "order_check": "OrderCheckResult",
    "order_send": "OrderSendResult",
}
MANY = {
    "symbols_get": "SymbolInfo",
    "symbols_get group": "SymbolInfo",
    "market_book_get": "BookInfo",
    **{f"orders_get{by}": "TradeOrder" for by in ("", " symbol")},
    **{f"positions_get{by}": "TradePosition" for by in ("", " symbol")},
    **{f"history_orders_get{by}": "TradeOrder" for by in ("", " position")},
    **{f"history_deals_get{by}": "TradeDeal" for by in ("", " position")},
}
BY_TICKET = {
    "orders_get ticket": "TradeOrder",
    "positions_get ticket": "TradePosition",
    "history_orders_get ticket": "TradeOrder",
    "history_deals_get ticket": "TradeDeal",
}
ROWS = {
    "copy_rates_from": "rates",
    "copy_rates_from_pos": "rates",
    "copy_rates_range": "rates",
    "copy_ticks_from": "ticks",
    "copy_ticks_range": "ticks",
}
VALUES = {
    "version": (-500, -6231, "26 Sep 2025 \u00e4"),
    "symbols_total": 5,
    "symbol_select": True,
    "market_book_add": True,
    "market_book_release": True,
    "order_calc_margin": 123.5,
    "order_calc_profit": -0.1,
    "orders_total": 2**31,
    "positions_total": 2**32 - 1,
    "history_orders_total": 3,
    "history_deals_total": 4,
}


def sent_request(**sent: Any) -> Any:
    """Give the request that a result shows, which is what was sent and zeros."""
    zeros = {"f64": 0.0, "str": ""}
    return shaped(
        "TradeRequest", [sent.get(name, zeros.get(kind, 0)) for name, kind in surface.fields("TradeRequest")]
    )


def answer(name: str, phase: int, count: int = 1) -> Any:
    """Give what a call returns when it succeeds."""
    if name in VALUES:
        return VALUES[name]
    if name in ROWS:
        columns = [(column, f"<{kind}") for column, kind in surface.row_fields(ROWS[name])]
        rows = np.array([tuple(surface.row(ROWS[name], phase))] * count, np.dtype(columns))
        rows.setflags(write=False)
        return rows
    structure = {**ONE, **MANY, **BY_TICKET}[name]
    values = surface.values(structure, phase)
    if structure.startswith("Order"):
        values.append(sent_request(**REQUEST))
    one = shaped(structure, values)
    if name in ONE:
        return one
    return (one,) * (1 if name in BY_TICKET else count)


def check_values(client: Client, terminal: Terminal) -> None:
    """Check every field of every result, with values at the ends of its type."""
    for phase in surface.PHASES:
        terminal.ask(do="answer", mode="phase", phase=phase)
        for name, call in calls(client.mt5).items():
            client.check_call(f"value {phase} of {name}", answer(name, phase), SUCCESS, call)
    terminal.ask(do="answer", mode="many")
    for name, call in calls(client.mt5).items():
        client.check_call(f"two of {name}", answer(name, 0, 2), SUCCESS, call)
    terminal.ask(do="answer", mode="none")
    for name, call in calls(client.mt5).items():
        nothing = () if name in MANY or name in BY_TICKET else answer(name, 0, 0)
        client.check_call(f"none of {name}", nothing, SUCCESS, call)


def failure(name: str, code: int) -> tuple[Any, tuple[int, str]]:
    """Give a function's value and last_error when the terminal answers with an error."""
    if name in BOOK:
        return False, SUCCESS
    if name in BY_TICKET and code == -4:
        return (), SUCCESS
    text = API_DISABLED if (name, code) == ("order_send", -8) else TEXTS[code]
    return {"version": (0, 0, ""), "symbol_select": False}.get(name), (code, text)


def check_errors(client: Client, terminal: Terminal) -> None:
    """Check what every function makes of every error of the terminal."""
    for code in TEXTS:
        terminal.ask(do="answer", mode="error", code=code)
        for name, call in calls(client.mt5).items():
            client.check_call(f"{name} failing with {code}", *failure(name, code), call)


def check_frames(client: Client, terminal: Terminal) -> None:
    """Check replies that are none: too short, too long, another command's."""
    for mode, code in (("short", -10002), ("long", -10002), ("other", -10000)):
        terminal.ask(do="answer", mode=mode)
        for name, call in calls(client.mt5).items():
            has_no_data = name == "symbol_select" or name in BOOK
            if mode == "short" and has_no_data:
                continue
            client.check_call(f"{name} with reply {mode}", *failure(name, code), call)
        terminal.ask(do="answer", mode="phase", phase=0)
        client.check_call(f"usable after reply {mode}", 5, SUCCESS, client.mt5.symbols_total)


def check_requests(client: Client, terminal: Terminal) -> None:
    """Check what arguments become on their way."""
    mt5 = client.mt5
    terminal.ask(do="answer", mode="phase", phase=0)
    terminal.ask(do="requests")
    for label, call, expected in request_cases(mt5):
        call()
        client.check(f"request of {label}", expected, terminal.ask(do="requests"))
    with_date_beyond = {
        "copy_rates_from": lambda: mt5.copy_rates_from("EURUSD", 1, 2**31, 1),
        "history_deals_total": lambda: mt5.history_deals_total(2**31, 5),
    }
    for name, call in with_date_beyond.items():
        try:
            found = repr(call())
        except SystemError as error:
            found = f"{error} of {error.__cause__}"
        text = f"<built-in function {name}> returned a result with an exception set"
        expected_text = f"{text} of Python int too large to convert to C long"
        client.check(f"{name} with a date after 2038", [expected_text, SUCCESS], [found, mt5.last_error()])
        sent = {
            "copy_rates_from": ["COPY_RATES_FROM", ["EURUSD", 1, -1, 1]],
            "history_deals_total": ["HISTORY_DEALS_TOTAL", [-1, 5]],
        }
        client.check(f"request of {name} with a date after 2038", [sent[name]], terminal.ask(do="requests"))


def request_cases(mt5: Any) -> list[tuple[str, Callable[[], Any], Any]]:
    """Give calls with the requests that they send."""
    east = datetime(2024, 5, 8, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    before = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    return [
        ("version", mt5.version, [["VERSION", [0]]]),
        ("symbols_get", mt5.symbols_get, [["SYMBOLS_GET", []]]),
        ("symbols_get with ''", lambda: mt5.symbols_get(""), [["SYMBOLS_GET", []]]),
        ("symbols_get by name", lambda: mt5.symbols_get(group="*"), [["SYMBOLS_GET_GROUP", ["*"]]]),
        ("symbol with a pair", lambda: mt5.symbol_info("\U0001f4c8"), [["SYMBOL_INFO", ["\U0001f4c8"]]]),
        ("empty symbol", lambda: mt5.symbol_info(""), [["SYMBOL_INFO", [""]]]),
        ("longest symbol", lambda: mt5.symbol_info("s" * 29), [["SYMBOL_INFO", ["s" * 29]]]),
        ("select", lambda: mt5.symbol_select("E"), [["SYMBOL_SELECT", ["E", True]]]),
        ("select with 'no'", lambda: mt5.symbol_select("E", "no"), [["SYMBOL_SELECT", ["E", True]]]),
        ("select with 0", lambda: mt5.symbol_select("E", 0), [["SYMBOL_SELECT", ["E", False]]]),
        (
            "rates",
            lambda: mt5.copy_rates_from("E", 16385, DAY, 10),
            [["COPY_RATES_FROM", ["E", 16385, DAY_S, 10]]],
        ),
        (
            "rates east",
            lambda: mt5.copy_rates_from("E", -1, east, -10),
            [["COPY_RATES_FROM", ["E", -1, DAY_S, -10]]],
        ),
        (
            "rates by position",
            lambda: mt5.copy_rates_from_pos("E", 1, -5, 2**31 - 1),
            [["COPY_RATES_FROM_POS", ["E", 1, -5, 2**31 - 1]]],
        ),
        (
            "rates of range",
            lambda: mt5.copy_rates_range("E", 1, 5.9, before),
            [["COPY_RATES_RANGE", ["E", 1, 5, -1]]],
        ),
        (
            "ticks",
            lambda: mt5.copy_ticks_from("E", DAY, 10, mt5.COPY_TICKS_ALL),
            [["COPY_TICKS_FROM", ["E", DAY_S * 1000, 10, -1]]],
        ),
        (
            "ticks of range",
            lambda: mt5.copy_ticks_range("E", -5, 2**31 - 1, 77),
            [["COPY_TICKS_RANGE", ["E", -5000, (2**31 - 1) * 1000, 77]]],
        ),
        (
            "margin",
            lambda: mt5.order_calc_margin(-1, "E", 1, 2),
            [["ORDER_CALC_MARGIN", [2**32 - 1, "E", 1.0, 2.0]]],
        ),
        (
            "profit",
            lambda: mt5.order_calc_profit(1, "E", True, -2.5, 1e300),
            [["ORDER_CALC_PROFIT", [1, "E", 1.0, -2.5, 1e300]]],
        ),
        ("positions of ''", lambda: mt5.positions_get(symbol=""), [["POSITIONS_GET_SYMBOL", [""]]]),
        ("position 0", lambda: mt5.positions_get(ticket=0), [["POSITIONS_GET_TICKET", [0]]]),
        (
            "ticket before symbol",
            lambda: mt5.orders_get(group="*", symbol="E", ticket=2**64 - 1),
            [["ORDERS_GET_TICKET", [2**64 - 1]]],
        ),
        (
            "symbol before group",
            lambda: mt5.orders_get(group="*", symbol="E"),
            [["ORDERS_GET_SYMBOL", ["E"]]],
        ),
        ("group", lambda: mt5.orders_get(group="*"), [["ORDERS_GET", []]]),
        (
            "history by dates, ticket and position",
            lambda: mt5.history_deals_get(1, 2, ticket=3, position=4),
            [["HISTORY_DEALS_GET", [1, 2]]],
        ),
        (
            "history by ticket and position",
            lambda: mt5.history_deals_get(position=4, ticket=3),
            [["HISTORY_DEALS_GET_TICKET", [3]]],
        ),
        (
            "orders by position",
            lambda: mt5.history_orders_get(position=4),
            [["HISTORY_ORDERS_GET_POSITION", [4]]],
        ),
        *order_cases(mt5),
    ]


def order_cases(mt5: Any) -> list[tuple[str, Callable[[], Any], Any]]:
    """Give orders with the requests that they send."""
    names = [name for name, _ in surface.fields("TradeRequest")]
    full = dict(zip(names, surface.values("TradeRequest", 0), strict=True))
    zeros = list(sent_request())
    tick = surface.values("Tick", 0)
    bought = list(
        sent_request(action=1, symbol="E", volume=0.5, price=tick[2], deviation=10, comment="c", position=7)
    )
    sold = list(sent_request(action=1, symbol="E", volume=0.5, price=1.5, type=1, deviation=10))
    return [
        ("order", lambda: mt5.order_send(full), [["ORDER_SEND", [list(full.values())]]]),
        ("order by names", lambda: mt5.order_send(**full), [["ORDER_SEND", [list(full.values())]]]),
        ("check", lambda: mt5.order_check(full), [["ORDER_CHECK", [list(full.values())]]]),
        ("empty order", lambda: mt5.order_send({}), [["ORDER_SEND", [zeros]]]),
        ("unknown field", lambda: mt5.order_send({"stop": 1}), [["ORDER_SEND", [zeros]]]),
        (
            "Buy",
            lambda: mt5.Buy("E", 0.5, comment="c", ticket=7),
            [["SYMBOL_INFO_TICK", ["E"]], ["ORDER_SEND", [bought]]],
        ),
        ("Sell at a price", lambda: mt5.Sell("E", 0.5, 1.5), [["ORDER_SEND", [sold]]]),
    ]


def check_groups(client: Client, terminal: Terminal) -> None:
    """Check which symbols a group selects, of what the terminal sends."""
    terminal.ask(do="answer", mode="phase", phase=0)
    symbol = answer("positions_get", 0)[0][16]
    start = symbol[:4]
    cases = {
        "*": 1, "": 0, symbol: 1, symbol.upper(): 0, f"{start}*": 1, f"*{symbol[3:]}": 1, f"*{start}*": 1,
        f"!{start}*": 0, f"*,!{start}*": 0, f"!{start}*,*": 0, f"nosuch,{start}*": 1, f"nosuch, {start}*": 1,
        f"nosuch {start}*": 0, "?" * len(symbol): 0, "*,!nosuch": 1, "**": 1, ",": 0, "!": 0,
    }  # fmt: skip
    for group, count in cases.items():
        client.check(f"positions of group {group!r}", count, len(client.mt5.positions_get(group=group)))
    mt5 = client.mt5
    for group, count in (("*", 1), ("*,!nosuch", 1), ("nosuch", 0)):
        client.check(f"orders of group {group!r}", count, len(mt5.orders_get(group=group)))
        client.check(f"old orders of group {group!r}", count, len(mt5.history_orders_get(1, 2, group=group)))
        client.check(f"deals of group {group!r}", count, len(mt5.history_deals_get(1, 2, group=group)))


def check_authorisation(client: Client, terminal: Terminal) -> None:
    """Check the wait for the terminal to be authorised."""
    mt5 = client.mt5
    terminal.ask(do="answer", mode="states", states=[0, 1, 4, 2])
    terminal.ask(do="requests")
    client.check_call("ready at the fourth poll", True, SUCCESS, lambda: mt5.initialize(terminal.target))
    hello = ["HELLO", [3, "Python"]]
    client.check("requests of initialize", [hello, *[["AUTHORISATION", []]] * 4], terminal.ask(do="requests"))
    client.check_call("login", True, SUCCESS, lambda: mt5.login(5, "p", "s"))
    client.check(
        "requests of login", [["LOGIN", [0, 5, "p", "s"]], ["AUTHORISATION", []]], terminal.ask(do="requests")
    )
    named = {"server": "s", "login": 2**64 - 1, "nosuch": 1}
    client.check_call("initialize by names", True, SUCCESS, lambda: mt5.initialize(terminal.target, **named))
    sent = [hello, ["LOGIN", [0, 2**64 - 1, "", "s"]], ["AUTHORISATION", []]]
    client.check("requests of initialize by names", sent, terminal.ask(do="requests"))
    terminal.ask(do="answer", mode="states", states=[3])
    refused = (-6, "Terminal: Authorization failed")
    client.check_call("login refused", False, refused, lambda: mt5.login(5))
    client.check_call("connected after login refused", 5, SUCCESS, mt5.symbols_total)
    client.check_call("initialize refused", False, refused, lambda: mt5.initialize(terminal.target))
    none = (-10004, "No IPC connection")
    client.check_call("not connected after initialize refused", None, none, mt5.account_info)
    terminal.ask(do="answer", mode="states", states=[0])
    terminal.ask(do="requests")
    timeout = (-10005, "IPC timeout")
    client.check_call("never ready", False, timeout, lambda: mt5.initialize(terminal.target, timeout=250))
    client.check("polls in 250 ms", [hello, *[["AUTHORISATION", []]] * 3], terminal.ask(do="requests"))
    client.check_call("not connected after never ready", None, none, mt5.account_info)


def check_shutdown(client: Client, terminal: Terminal) -> None:
    """Check every function without a connection, and that shutdown is always possible."""
    mt5 = client.mt5
    terminal.ask(do="answer", mode="phase", phase=0)
    client.check_call("initialize again", True, SUCCESS, lambda: mt5.initialize(terminal.target))
    for _ in range(2):
        client.check_call("shutdown", True, SUCCESS, mt5.shutdown)
    for name, call in calls(mt5).items():
        client.check_call(f"{name} after shutdown", *failure(name, -10004), call)


def check_hanging_up(client: Client, terminal: Terminal) -> None:
    """Check a terminal that closes the connection, or dies, in the middle of a call."""
    mt5 = client.mt5
    for name, call in calls(mt5).items():
        terminal.ask(do="answer", mode="phase", phase=0)
        mt5.initialize(terminal.target)
        terminal.ask(do="answer", mode="hang_up")
        client.check_call(f"{name} hung up on", *failure(name, -10002), call)
        client.check_call(f"{name} again", *failure(name, -10004), call)
    terminal.ask(do="answer", mode="phase", phase=0)
    mt5.initialize(terminal.target)
    terminal.ask(do="answer", mode="end")
    client.check_call("the terminal dies in a call", None, (-10002, TEXTS[-10002]), mt5.account_info)
    for count in range(3):
        client.check_call(f"dead {count}", None, (-10004, TEXTS[-10004]), mt5.account_info)


def check_all(client: Client) -> None:
    """Go through all checks of this kind."""
    with client.made_terminal() as terminal:
        client.check_call("initialize", True, SUCCESS, lambda: client.mt5.initialize(terminal.target))
        for check in (
            *(check_values, check_errors, check_frames, check_requests, check_groups),
            *(check_authorisation, check_shutdown, check_hanging_up),
        ):
            check(client, terminal)
