"""What a client of the package's shape says and does without any terminal, as lines of JSON.

    python probes.py MetaTrader5
    python probes.py hybrid_bridge.simulator.module

Owns the probes: names, constants, types and docstrings, result types made from plain sequences, and
every function with right, wrong and odd arguments, in a fresh process, after a failed initialize and
after shutdown. One line each: {"probe": ..., "outcome": ...}. It judges nothing; the test runs it on two
clients and compares.
"""

import copy
import decimal
import enum
import fractions
import importlib
import inspect
import json
import math
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

Probe = tuple[str, Callable[[], Any]]
Arguments = tuple[Any, ...]
Keywords = dict[str, Any]


class Five(enum.IntEnum):
    """A number that is an int."""

    FIVE = 5


class Text(str):
    """A text that is a str."""

    __slots__ = ()


class Number(float):
    """A number that is a float."""

    __slots__ = ()


class Record(dict[str, Any]):
    """A dictionary that is a dict."""


class Indexable:
    """Reads as the integer 7."""

    def __index__(self) -> int:
        return 7


class Floatable:
    """Reads as the float 1.5."""

    def __float__(self) -> float:
        return 1.5


class Dated:
    """Has a timestamp as a datetime has, and is none."""

    def timestamp(self) -> float:
        return 1_700_000_000.0


class Untrue:
    """Has no truth value."""

    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")


# Of an object in memory, as in "<built-in method timestamp of datetime.datetime object at 0x...>".
ADDRESS = re.compile("0x[0-9A-Fa-f]+")
ZONE = timezone(timedelta(hours=2))
# Arrays and np.bool_ are left out: whether they read as a number depends on NumPy's version.
ODD_VALUES: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "int32 max": 2**31 - 1,
    "int32 max + 1": 2**31,
    "int32 min": -(2**31),
    "int32 min - 1": -(2**31) - 1,
    "uint32 max": 2**32 - 1,
    "uint32 max + 1": 2**32,
    "int64 max + 1": 2**63,
    "int64 min - 1": -(2**63) - 1,
    "uint64 max": 2**64 - 1,
    "uint64 max + 1": 2**64,
    "huge": 10**400,
    "0.0": 0.0,
    "1.0": 1.0,
    "-1.5": -1.5,
    "nan": math.nan,
    "inf": math.inf,
    "1e300": 1e300,
    "1j": 1j,
    "empty text": "",
    "EURUSD": "EURUSD",
    "text 29": "x" * 29,
    "text 30": "x" * 30,
    "text 31": "x" * 31,
    "text 32": "x" * 32,
    "text 253": "x" * 253,
    "text 254": "x" * 254,
    "text 257": "x" * 257,
    "text 258": "x" * 258,
    "text 1997": "x" * 1997,
    "text 1998": "x" * 1998,
    "14 pairs and 1": "\U0001f600" * 14 + "x",
    "15 pairs": "\U0001f600" * 15,
    "half a pair": "\ud800",
    "text with NUL": "EUR\0USD",
    "text subclass": Text("EURUSD"),
    "numpy text": np.str_("EURUSD"),
    "bytes": b"EURUSD",
    "bytearray": bytearray(b"EURUSD"),
    "number as text": "5",
    "[]": [],
    "()": (),
    "{}": {},
    "[1]": [1],
    "(1, 2)": (1, 2),
    "set": {1},
    "object": object,
    "ellipsis": ...,
    "IntEnum": Five.FIVE,
    "float subclass": Number(1.5),
    "dict subclass": Record(action=1),
    "index": Indexable(),
    "float-like": Floatable(),
    "truthless": Untrue(),
    "Decimal": decimal.Decimal("1.5"),
    "Fraction": fractions.Fraction(3, 2),
    "np.int32": np.int32(5),
    "np.int64": np.int64(5),
    "np.uint64": np.uint64(5),
    "np.float32": np.float32(1.5),
    "np.float64": np.float64(1.5),
    "np.datetime64": np.datetime64("2024-05-08T12:00"),
    "aware datetime": datetime(2024, 5, 8, 12, 0, 0, 999_999, tzinfo=UTC),
    "datetime with zone": datetime(2024, 5, 8, 12, tzinfo=ZONE),
    "datetime after 2038": datetime(2100, 1, 1, tzinfo=UTC),
    "datetime before 1901": datetime(1800, 1, 1, tzinfo=UTC),
    "datetime 1969": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    "date": date(2024, 5, 8),
    "timedelta": timedelta(1),
    "has timestamp": Dated(),
}
DAY = datetime(2024, 5, 8, tzinfo=UTC)
REQUEST: Keywords = {
    "action": 1,
    "magic": 7,
    "order": 0,
    "symbol": "EURUSD",
    "volume": 0.1,
    "price": 1.1,
    "stoplimit": 0.0,
    "sl": 1.0,
    "tp": 1.2,
    "deviation": 10,
    "type": 0,
    "type_filling": 1,
    "type_time": 0,
    "expiration": 0,
    "comment": "probe",
    "position": 0,
    "position_by": 0,
}
# A right call of each function, with every argument that it takes.
CALLS: dict[str, tuple[Arguments, Keywords]] = {
    "initialize": (
        (),
        {"path": "Z:\\none.exe", "login": 1, "password": "p", "server": "s", "timeout": 1, "portable": False},
    ),
    "login": ((), {"login": 1, "password": "p", "server": "s", "timeout": 1}),
    "shutdown": ((), {}),
    "version": ((), {}),
    "last_error": ((), {}),
    "terminal_info": ((), {}),
    "account_info": ((), {}),
    "symbols_total": ((), {}),
    "symbols_get": ((), {"group": "*USD*"}),
    "symbol_info": (("EURUSD",), {}),
    "symbol_info_tick": (("EURUSD",), {}),
    "symbol_select": (("EURUSD", True), {}),
    "market_book_add": (("EURUSD",), {}),
    "market_book_get": (("EURUSD",), {}),
    "market_book_release": (("EURUSD",), {}),
    "copy_rates_from": (("EURUSD", 16385, DAY, 10), {}),
    "copy_rates_from_pos": (("EURUSD", 16385, 0, 10), {}),
    "copy_rates_range": (("EURUSD", 16385, DAY, DAY), {}),
    "copy_ticks_from": (("EURUSD", DAY, 10, -1), {}),
    "copy_ticks_range": (("EURUSD", DAY, DAY, -1), {}),
    "order_calc_margin": ((0, "EURUSD", 0.1, 1.1), {}),
    "order_calc_profit": ((0, "EURUSD", 0.1, 1.1, 1.2), {}),
    "order_check": ((), REQUEST),
    "order_send": ((), REQUEST),
    "orders_total": ((), {}),
    "orders_get": ((), {"symbol": "EURUSD", "ticket": 5, "group": "*"}),
    "positions_total": ((), {}),
    "positions_get": ((), {"symbol": "EURUSD", "ticket": 5, "group": "*"}),
    "history_orders_total": ((DAY, DAY), {}),
    "history_orders_get": ((DAY, DAY), {"group": "*", "ticket": 5, "position": 5}),
    "history_deals_total": ((DAY, DAY), {}),
    "history_deals_get": ((DAY, DAY), {"group": "*", "ticket": 5, "position": 5}),
}
# Their arguments may be unnamed too.
UNNAMED: dict[str, Arguments] = {
    "initialize": ("Z:\\none.exe",),
    "login": (1, "p", "s"),
    "symbols_get": ("*USD*",),
    "symbol_select": ("EURUSD",),
    "order_check": (REQUEST,),
    "order_send": (REQUEST,),
}
HELPERS = ("Buy", "Sell", "Close")
# The simulated terminal's client goes on trying for as long as this says.
SHORT_TIMEOUT_MS = 1000
NO_TERMINAL = -10003


def outcome(mt5: Any, work: Callable[[], Any]) -> dict[str, Any]:
    """Do something and describe what came of it."""
    try:
        found = {"returns": shown(work())}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
        found = {"raises": raised(error)}
    code, text = mt5.last_error()
    # Why there is no terminal is the one thing in which the two must differ.
    return {**found, "last_error": [code, text if code != NO_TERMINAL else "..."]}


def shown(value: Any) -> str:
    return f"{type(value).__name__}: {value!r}"


def raised(error: BaseException | None) -> list[Any] | None:
    if error is None:
        return None
    return [type(error).__name__, ADDRESS.sub("0x...", str(error)), raised(error.__cause__)]


def calls_of(name: str) -> Iterator[tuple[str, Arguments, Keywords]]:
    """Give one function's calls with their descriptions."""
    arguments, keywords = CALLS[name]
    yield "right", arguments, keywords
    yield "nothing", (), {}
    for count in range(1, 8):
        yield f"{count} x 1", (1,) * count, {}
        yield f"{count} x EURUSD", ("EURUSD",) * count, {}
    yield "unknown keyword", arguments, {**keywords, "nosuch": 1}
    yield "unknown keyword alone", (), {"nosuch": 1}
    yield "keyword that is no name", (), {"": 1}
    yield "right and one more", (*arguments, 1), keywords
    yield "one too few", arguments[:-1], keywords
    yield "empty keywords", arguments, {}
    for place in range(len(arguments)):
        for label, value in ODD_VALUES.items():
            changed = (*arguments[:place], value, *arguments[place + 1 :])
            yield f"argument {place + 1} = {label}", changed, {}
    for keyword in keywords:
        for label, value in ODD_VALUES.items():
            if keyword == "timeout" and type(value) is int and SHORT_TIMEOUT_MS < value < 2**32:
                continue
            yield f"{keyword} = {label}", (), {keyword: value}
            yield f"right but {keyword} = {label}", arguments, {**keywords, keyword: value}
    unnamed = UNNAMED.get(name, ())
    for place in range(len(unnamed)):
        for label, value in ODD_VALUES.items():
            changed = (*unnamed[:place], value, *unnamed[place + 1 :])
            yield f"unnamed {place + 1} = {label}", changed, {}
    for other in ("symbol", "ticket", "position", "group", "request", "date_from", "path", "login"):
        yield f"named {other}", (), {other: 1}
        yield f"named {other} as text", (), {other: "EURUSD"}


def call_probes(mt5: Any) -> Iterator[Probe]:
    """Give every call of every function."""
    for name in CALLS:
        function = getattr(mt5, name)
        for label, arguments, keywords in calls_of(name):
            yield f"{name}({label})", call(function, arguments, keywords)
        # What executors and wrappers do: keywords are given, and there are none.
        unnamed = UNNAMED.get(name, CALLS[name][0])
        yield f"{name}(*args, **{{}})", call_through(function, unnamed)
    for name in HELPERS:
        function = getattr(mt5, name)
        for label, arguments, keywords in helper_calls():
            yield f"{name}({label})", call(function, arguments, keywords)
    yield from request_probes(mt5)


def call(function: Callable[..., Any], arguments: Arguments, keywords: Keywords) -> Callable[[], Any]:
    if keywords:
        return lambda: function(*arguments, **keywords)
    return lambda: function(*arguments)


def call_through(function: Callable[..., Any], arguments: Arguments) -> Callable[[], Any]:
    nothing: Keywords = {}
    return lambda: function(*arguments, **nothing)


def helper_calls() -> Iterator[tuple[str, Arguments, Keywords]]:
    yield "nothing", (), {}
    yield "symbol", ("EURUSD",), {}
    yield "symbol, volume", ("EURUSD", 0.1), {}
    yield "symbol, volume, price", ("EURUSD", 0.1, 1.1), {}
    yield "four", ("EURUSD", 0.1, 1.1, "x"), {}
    yield "integer volume", ("EURUSD", 1, 1.1), {}
    yield "integer price", ("EURUSD", 0.1, 1), {}
    yield "ticket", ("EURUSD",), {"ticket": 5}
    yield "comment", ("EURUSD",), {"comment": "x"}
    yield "ticket text", ("EURUSD",), {"ticket": "5"}
    yield "all", ("EURUSD", 0.1, 1.1), {"ticket": 5, "comment": "x"}
    yield "unknown", ("EURUSD", 0.1, 1.1), {"nosuch": 5}


def request_probes(mt5: Any) -> Iterator[Probe]:
    """Give the requests of order_send and order_check, as a dict, field by field."""
    for name in ("order_send", "order_check"):
        function = getattr(mt5, name)
        for field in REQUEST:
            for label, value in ODD_VALUES.items():
                yield f"{name}({{{field}: {label}}})", call(function, ({field: value},), {})
                request = {**REQUEST, field: value}
                yield f"{name}({{right but {field}: {label}}})", call(function, (request,), {})
        yield f"{name}({{}})", call(function, ({},), {})
        yield f"{name}({{1: 2}})", call(function, ({1: 2},), {})
        yield f"{name}(dict and keywords)", call(function, (REQUEST,), REQUEST)
        # Several wrong fields: which is complained of?
        wrong = dict.fromkeys(REQUEST, None)
        yield f"{name}(all None)", call(function, (wrong,), {})
        yield f"{name}(all None, other way round)", call(function, (dict(reversed(wrong.items())),), {})


def name_probes(mt5: Any) -> Iterator[Probe]:
    """Give what the module shows of itself."""
    public = sorted(name for name in dir(mt5) if not name.startswith("_"))
    yield "names", lambda: public
    yield "__version__", lambda: mt5.__version__
    yield "__author__", lambda: mt5.__author__
    yield "names after import *", lambda: sorted(starred(mt5.__name__))
    for name in public:
        value = getattr(mt5, name)
        yield f"{name} is", lambda value=value: type(value).__name__
        if isinstance(value, int | float | str):
            yield f"{name} =", lambda value=value: value
        elif callable(value):
            for detail in ("__name__", "__qualname__", "__doc__", "__text_signature__"):
                yield f"{name}.{detail}", lambda value=value, detail=detail: getattr(value, detail)
            if not name.startswith("Order") and name[0].islower():
                yield f"repr of {name}", lambda value=value: repr(value)
        if inspect.isfunction(value):
            yield f"signature of {name}", lambda value=value: str(inspect.signature(value))


def starred(module: str) -> set[str]:
    found: dict[str, Any] = {}
    exec(f"from {module} import *", found)  # noqa: S102 - there is no other way to ask
    return set(found) - {"__builtins__"}


def type_probes(mt5: Any) -> Iterator[Probe]:
    """Give what the result types are like, made from plain numbers."""
    for name in sorted(dir(mt5)):
        kind = getattr(mt5, name)
        if isinstance(kind, type) and issubclass(kind, tuple):
            for label, work in probes_of_type(kind):
                yield f"{name}: {label}", work


def probes_of_type(kind: Any) -> Iterator[Probe]:
    size = len(kind.__match_args__)
    first = kind.__match_args__[0]
    made = kind(range(size))
    yield "dir", lambda: sorted(dir(kind))
    yield "own names", lambda: sorted(vars(kind))
    yield "bases", lambda: [base.__name__ for base in kind.__mro__]
    yield "type", lambda: type(kind).__name__
    for detail in (
        "__module__",
        "__name__",
        "__qualname__",
        "__doc__",
        "__match_args__",
        "__text_signature__",
    ):
        yield detail, lambda detail=detail: getattr(kind, detail)
    for detail in ("n_fields", "n_sequence_fields", "n_unnamed_fields", "__basicsize__", "__itemsize__"):
        yield detail, lambda detail=detail: getattr(kind, detail)
    yield "repr of type", lambda: repr(kind)
    for field in kind.__match_args__:
        descriptor = vars(kind)[field]
        yield f"{field} is", lambda descriptor=descriptor: type(descriptor).__name__
        yield f"doc of {field}", lambda descriptor=descriptor: descriptor.__doc__
        yield f"value of {field}", lambda field=field: getattr(made, field)
    for label, argument in (
        ("tuple", tuple(range(size))),
        ("list", list(range(size))),
        ("generator", iter(range(size))),
        ("text", "x" * size),
        ("dict", dict.fromkeys(range(size))),
        ("one less", range(size - 1)),
        ("one more", range(size + 1)),
        ("empty", ()),
        ("None", None),
        ("number", 5),
    ):
        yield f"made from {label}", lambda argument=argument: kind(argument)
    yield "made from nothing", lambda: kind()
    yield "made from two", lambda: kind(range(size), {})
    yield "made from two wrong", lambda: kind(range(size), 5)
    yield "made from a dict beside", lambda: kind(range(size), {first: "beside"})
    yield "made from three", lambda: kind(range(size), {}, {})
    yield "made from keywords", lambda: kind(**{first: 1})
    yield "made from sequence=", lambda: kind(sequence=range(size))
    yield "made from sequence= and dict=", lambda: kind(sequence=range(size), dict={})
    yield from probes_of_instance(kind, made, first)


def probes_of_instance(kind: Any, made: Any, first: str) -> Iterator[Probe]:
    plain = tuple(made)
    yield "repr", lambda: repr(made)
    yield "repr with itself inside", lambda: repr(kind([made, *plain[1:]]))
    yield "str", lambda: str(made)
    yield "_asdict", lambda: made._asdict()
    yield "_asdict with argument", lambda: made._asdict(1)
    yield "_asdict is", lambda: type(made._asdict).__name__
    yield "_asdict doc", lambda: kind._asdict.__doc__
    for missing in ("_fields", "_replace", "_make", "_field_defaults", "__dict__", "nosuch"):
        yield f"has {missing}", lambda missing=missing: getattr(made, missing)
    yield "set", lambda: setattr(made, first, 5)
    yield "set new", lambda: setattr(made, "nosuch", 5)
    yield "del", lambda: delattr(made, first)
    yield "equal to tuple", lambda: (made == plain, plain == made, hash(made) == hash(plain))
    yield "is a tuple", lambda: isinstance(made, tuple)
    yield "slice", lambda: made[:2]
    yield "index", lambda: (made[0], made[-1])
    yield "index too large", lambda: made[len(plain)]
    yield "sum", lambda: made + (1,)  # noqa: RUF005 - the operation itself is asked for
    yield "product", lambda: (made * 2)[:3]
    yield "length", lambda: len(made)
    yield "order", lambda: (made < plain, made <= plain)
    yield "contains", lambda: 1 in made
    yield "count", lambda: (made.count(0), made.index(1))
    yield "reduce", lambda: made.__reduce__()
    for protocol in (0, 2, 5):
        yield f"pickle {protocol}", lambda protocol=protocol: pickle.dumps(made, protocol)
    yield "pickle the type", lambda: pickle.dumps(kind)
    yield "copy", lambda: copy.copy(made)
    yield "deepcopy", lambda: copy.deepcopy(made)
    yield "subclass", lambda: type("Sub", (kind,), {})
    yield "set on type", lambda: setattr(kind, "nosuch", 1)
    yield "as json", lambda: json.dumps(made)
    yield "weak", lambda: __import__("weakref").ref(made)
    yield "unpacked", lambda: [*made]


def run(mt5: Any, label: str, probes: Iterator[Probe]) -> None:
    for name, work in probes:
        line = {"probe": f"{label}: {name}", "outcome": outcome(mt5, work)}
        sys.stdout.write(json.dumps(line) + "\n")


def main(client: str) -> None:
    """Run all probes on one client."""
    os.environ["SIM_ADDRESS"] = "127.0.0.1:1"
    mt5 = importlib.import_module(client)
    run(mt5, "fresh process", iter([("last_error", lambda: mt5.last_error())]))
    run(mt5, "types", type_probes(mt5))
    run(mt5, "names", name_probes(mt5))
    run(mt5, "fresh", call_probes(mt5))
    nowhere = str(Path(__file__).with_name("no-such-terminal.exe"))
    run(mt5, "failed", iter([("initialize", lambda: mt5.initialize(nowhere))]))
    run(mt5, "after a failed initialize", call_probes(mt5))
    run(mt5, "left", iter([("shutdown", lambda: mt5.shutdown())]))
    run(mt5, "after shutdown", call_probes(mt5))


if __name__ == "__main__":
    main(sys.argv[1])
