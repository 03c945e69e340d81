"""A MetaTrader5-shaped module whose answers a test writes into a file, for what no healthy terminal does.

The file named by SCRIPTED_TERMINAL holds a JSON object, read again at every call, so that a test can change
the terminal's mind while a worker runs. Keys: the fields of ACCOUNT and TERMINAL, symbols, ticks (symbol ->
rows of [time_msc, bid, ask]), positions, orders, deals, history_orders (lists of field mappings), check, send
(result mappings, or null), errors (function -> [code, text]), raises (function -> text), stall (functions
that never return and hold the GIL, as the package does), prints (functions that print), garbage (functions
that write nonsense into every pipe there is), halves (functions that write half a frame there and end the
process), sticky (an error that every call gives until the next initialize).
"""

import ctypes
import json
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

TICK_TYPE = np.dtype(
    [
        ("time", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("last", "<f8"),
        ("volume", "<u8"),
        ("time_msc", "<i8"),
        ("flags", "<u4"),
        ("volume_real", "<f8"),
    ]
)
ACCOUNT = {
    "login": 1001,
    "server": "Scripted-Demo",
    "currency": "USD",
    "balance": 10000.0,
    "credit": 0.0,
    "equity": 10000.0,
    "profit": 0.0,
    "margin": 0.0,
    "margin_free": 10000.0,
    "margin_level": 0.0,
    "leverage": 100,
    "trade_allowed": True,
    "trade_expert": True,
    "margin_mode": 2,
}
TERMINAL = {
    "path": r"C:\Program Files\MetaTrader 5",
    "build": 5000,
    "connected": True,
    "trade_allowed": True,
    "tradeapi_disabled": False,
}
SYMBOL = {
    "name": "EURUSD",
    "select": True,
    "visible": True,
    "digits": 5,
    "point": 0.00001,
    "trade_tick_size": 0.00001,
    "trade_contract_size": 100000.0,
    "volume_min": 0.01,
    "volume_max": 100.0,
    "volume_step": 0.01,
    "volume_limit": 0.0,
    "trade_stops_level": 0,
    "trade_freeze_level": 0,
    "filling_mode": 3,
    "trade_exemode": 2,
    "trade_mode": 4,
    "bid": 1.1,
    "currency_base": "EUR",
    "currency_profit": "USD",
    "currency_margin": "EUR",
}
POSITION = {
    "ticket": 1,
    "identifier": 1,
    "symbol": "EURUSD",
    "type": 0,
    "volume": 1.0,
    "price_open": 1.1,
    "price_current": 1.1,
    "sl": 0.0,
    "tp": 0.0,
    "profit": 0.0,
    "swap": 0.0,
    "magic": 0,
    "comment": "",
    "time_msc": 1,
}
ORDER = {
    "ticket": 1,
    "position_id": 0,
    "symbol": "EURUSD",
    "type": 2,
    "state": 1,
    "volume_initial": 1.0,
    "volume_current": 1.0,
    "price_open": 1.1,
    "price_stoplimit": 0.0,
    "sl": 0.0,
    "tp": 0.0,
    "magic": 0,
    "comment": "",
}
DEAL = {
    "ticket": 1,
    "order": 1,
    "position_id": 1,
    "symbol": "EURUSD",
    "type": 0,
    "entry": 0,
    "volume": 1.0,
    "price": 1.1,
    "profit": 0.0,
    "commission": 0.0,
    "fee": 0.0,
    "reason": 3,
    "swap": 0.0,
    "magic": 0,
    "comment": "",
    "time": 1_700_000_000,
    "time_msc": 1_700_000_000_000,
}
SENT = {
    "retcode": 10009,
    "deal": 7,
    "order": 7,
    "volume": 1.0,
    "price": 1.1,
    "bid": 1.1,
    "ask": 1.1,
    "comment": "Request executed",
    "request_id": 1,
    "retcode_external": 0,
}

_error = (1, "Success")
_connected = False
_sticky = None


def last_error():
    return _error


def _script():
    return {"alive": True} | json.loads(Path(os.environ["SCRIPTED_TERMINAL"]).read_text())


def _hold():
    """Stand still for an hour without letting go of the GIL."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(3_600_000)
    else:
        ctypes.PyDLL(None).sleep(3600)


def _write_into_pipes(nonsense):
    """Write as a library gone wild does: wherever somebody reads."""
    for number in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(number).st_mode) or stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, nonsense)
        except OSError:
            continue


def _begin(name):
    """Return the script, or None when this call fails."""
    global _error, _sticky
    script = _script()
    _error = (1, "Success")
    if name in script.get("prints", ()):
        print(f"{name} prints on standard output", flush=True)
        os.write(1, b"and writes to file descriptor 1\n")
        print(f"{name} prints on standard error", file=sys.stderr, flush=True)
    if name in script.get("garbage", ()):
        _write_into_pipes(b"PANIC: out of cheese\n" * 9)
    if name in script.get("halves", ()):
        _write_into_pipes(b"\x40\x00\x00\x00half")
        os._exit(1)
    if name in script.get("stall", ()):
        Path(os.environ["SCRIPTED_TERMINAL"] + ".stalled").touch()
        _hold()
    if name in script.get("raises", {}):
        raise SystemError(script["raises"][name])
    if script.get("sticky"):
        _sticky = tuple(script["sticky"])
    if name in script.get("errors", {}):
        _error = tuple(script["errors"][name])
    elif name != "initialize" and _sticky:
        _error = _sticky
    elif name != "initialize" and not _connected:
        _error = (-10004, "No IPC connection")
    return script if _error[0] == 1 else None


def _record(defaults, values):
    return SimpleNamespace(**(defaults | values))


def initialize(path=None, **keywords):
    global _connected, _sticky
    with Path(os.environ["SCRIPTED_TERMINAL"] + ".connects").open("a") as connects:
        connects.write(json.dumps(keywords) + "\n")
    _sticky = None
    if _begin("initialize") is None:
        return False
    _sticky, _connected = None, True
    return True


def shutdown():
    global _connected, _error
    _connected, _error = False, (1, "Success")
    return True


def account_info():
    script = _begin("account_info")
    return script and _record(ACCOUNT, {key: script[key] for key in ACCOUNT if key in script})


def terminal_info():
    script = _begin("terminal_info")
    return script and _record(TERMINAL, {key: script[key] for key in TERMINAL if key in script})


def symbols_get():
    script = _begin("symbols_get")
    return script and tuple(_record(SYMBOL, {"name": name}) for name in script.get("symbols", ["EURUSD"]))


def symbol_info(name):
    global _error
    script = _begin("symbol_info")
    if script is None:
        return None
    if name not in script.get("symbols", ["EURUSD"]):
        _error = (-4, "Terminal: Not found")
        return None
    return _record(SYMBOL, {"name": name})


def symbol_select(name, enable=True):
    return _begin("symbol_select") is not None


def symbol_info_tick(name):
    global _error
    script = _begin("symbol_info_tick")
    rows = script and script.get("ticks", {}).get(name)
    if not rows:
        _error = _error if script is None else (-4, "Terminal: Not found")
        return None
    time_msc, bid, ask = rows[-1]
    return SimpleNamespace(time=time_msc // 1000, time_msc=time_msc, bid=bid, ask=ask)


def copy_ticks_from(name, from_s, count, flags):
    assert type(from_s) is int and type(count) is int and flags == -1
    script = _begin("copy_ticks_from")
    if script is None:
        return None
    return _ticks([row for row in script.get("ticks", {}).get(name, ()) if row[0] >= from_s * 1000][:count])


def copy_ticks_range(name, from_s, to_s, flags):
    assert type(from_s) is int and type(to_s) is int and flags == -1 and from_s <= to_s
    script = _begin("copy_ticks_range")
    if script is None:
        return None
    rows = script.get("ticks", {}).get(name, ())
    return _ticks([row for row in rows if from_s * 1000 <= row[0] <= to_s * 1000])


def _ticks(rows):
    packed = [(msc // 1000, bid, ask, 0.0, 0, msc, 6, 0.0) for msc, bid, ask in rows]
    array = np.array(packed, dtype=TICK_TYPE)
    array.flags.writeable = False
    return array


def _listing(name, key, defaults):
    script = _begin(name)
    return None if script is None else tuple(_record(defaults, item) for item in script.get(key, ()))


def positions_get(**_keywords):
    return _listing("positions_get", "positions", POSITION)


def orders_get(**_keywords):
    return _listing("orders_get", "orders", ORDER)


def history_orders_get(from_s, to_s):
    assert 0 < from_s < to_s < 2**31
    return _listing("history_orders_get", "history_orders", ORDER)


def history_deals_get(from_s, to_s):
    assert 0 < from_s < to_s < 2**31
    return _listing("history_deals_get", "deals", DEAL)


def order_calc_profit(action, symbol, volume, price_open, price_close):
    if _begin("order_calc_profit") is None:
        return None
    return (price_close - price_open) * (1 if action == 0 else -1) * volume * 100000.0


def order_calc_margin(action, symbol, volume, price):
    return None if _begin("order_calc_margin") is None else volume * price * 1000.0


def _note(name, request):
    with Path(os.environ["SCRIPTED_TERMINAL"] + ".calls").open("a") as calls:
        calls.write(json.dumps([name, request]) + "\n")


def order_check(*args, **keywords):
    script = _begin("order_check")
    _note("order_check", args[0])
    return script and SimpleNamespace(**({"retcode": 0, "comment": "Done"} | script.get("check", {})))


def order_send(*args, **keywords):
    assert len(args) == 1 and not keywords
    _note("order_send", args[0])
    script = _begin("order_send")
    return script and _record(SENT, script.get("send", {}))
