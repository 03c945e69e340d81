"""The contract of the MetaTrader5 package, item by item: names, conventions, types, fields, constants.

`contract.json` beside this file holds it as it was read off the package 5.0.6231.
"""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.live import LiveTerminal

from hybrid_bridge.simulator import module as mt5

CONTRACT: dict[str, Any] = json.loads(Path(__file__).with_name("contract.json").read_text())
FUNCTIONS: dict[str, dict[str, Any]] = CONTRACT["functions"]
STRUCTURES: dict[str, list[list[str]]] = CONTRACT["structures"]
FAILURES = {"None": None, "False": False, "n/a": None, "never fails": True}
PYTHON_TYPES = {"float64": float, "bool": bool, "str": str, "TradeRequest": tuple}
# Measured with the package: told too much, the depth's two answer None and symbols_get False.
ANSWER_OTHERWISE = ("market_book_add", "market_book_release", "symbols_get")
BAD_VALUES = {"int": (1.5, None, "1"), "float": (1, None, "1"), "str": (1, None, "x" * 30)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_the_packages_says(name: str) -> None:
    assert inspect.getdoc(getattr(mt5, name)) is not None
    assert getattr(mt5, name).__doc__.startswith(FUNCTIONS[name]["docstring"])


@pytest.mark.parametrize("name", [name for name, facts in FUNCTIONS.items() if not facts["keywords"]])
def test_a_function_without_keywords_refuses_any(name: str) -> None:
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        getattr(mt5, name)(symbol="EURUSD")


@pytest.mark.parametrize("name", [name for name, facts in FUNCTIONS.items() if not facts["arguments"]])
def test_a_function_without_arguments_refuses_any(name: str) -> None:
    with pytest.raises(TypeError, match="takes no arguments"):
        getattr(mt5, name)(1)


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, facts in FUNCTIONS.items()
        if facts["arguments"] and facts["on_error"] in FAILURES and name not in ANSWER_OTHERWISE
    ],
)
def test_too_many_arguments_fail_as_the_contract_says(name: str) -> None:
    assert FAILURES[FUNCTIONS[name]["on_error"]] is getattr(mt5, name)(*range(9))
    assert -2 == mt5.last_error()[0]


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_has_its_fields_in_order(name: str) -> None:
    kind = getattr(mt5, name)
    fields = tuple(field for field, _ in STRUCTURES[name])
    assert (fields, len(fields)) == (kind.__match_args__, kind.n_fields)
    assert list(fields) == list(kind(range(len(fields)))._asdict())


def test_every_field_of_a_live_terminal_has_its_type() -> None:
    with LiveTerminal() as terminal:
        terminal.quote("EURUSD", 1.085, 1.0851)
        terminal.quote("AAPL", 190.0, 190.02)
        mt5.symbol_select("AAPL", True)
        mt5.market_book_add("AAPL")
        request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "type_filling": 1}
        checked, sent = mt5.order_check(request), mt5.order_send(request)
        samples = {
            "AccountInfo": mt5.account_info(),
            "BookInfo": mt5.market_book_get("AAPL")[0],
            "OrderCheckResult": checked,
            "OrderSendResult": sent,
            "SymbolInfo": mt5.symbol_info("EURUSD"),
            "TerminalInfo": mt5.terminal_info(),
            "Tick": mt5.symbol_info_tick("EURUSD"),
            "TradeDeal": mt5.history_deals_get(ticket=sent.deal)[0],
            "TradeOrder": mt5.history_orders_get(ticket=sent.order)[0],
            "TradePosition": mt5.positions_get()[0],
            "TradeRequest": sent.request,
        }
        ticks = mt5.copy_ticks_from("EURUSD", 0, 9, mt5.COPY_TICKS_ALL)
        rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 1)
    assert set(STRUCTURES) == set(samples)
    for name, fields in STRUCTURES.items():
        assert name == type(samples[name]).__name__
        for field, kind in fields:
            expected = PYTHON_TYPES.get(kind, int)
            value = getattr(samples[name], field)
            assert isinstance(value, expected), (name, field, kind, value)
            assert kind != "TradeRequest" or type(value).__name__ == kind
    for array, kind in ((ticks, "ticks"), (rates, "rates")):
        expected_fields = [tuple(field) for field in CONTRACT["arrays"][kind]["fields"]]
        assert expected_fields == array.dtype.descr
        assert CONTRACT["arrays"][kind]["itemsize"] == array.dtype.itemsize


def test_every_constant_is_there_and_no_other() -> None:
    names = {name for name in vars(mt5) if name.isupper() and name[0] != "_"}
    assert CONTRACT["constants"] == {name: getattr(mt5, name) for name in names}
    assert not [name for name in CONTRACT["not_in_the_package"] if hasattr(mt5, name)]


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (field["name"], value)
        for field in CONTRACT["request"]
        for value in BAD_VALUES[field["accepts"].split("-")[0].split(" ")[0]]
    ],
)
def test_a_request_field_of_the_wrong_type_is_refused_by_name(name: str, value: object) -> None:
    assert mt5.order_send({name: value}) is None
    assert (-2, f'Invalid "{name}" argument') == mt5.last_error()


def test_a_star_import_gives_every_public_name() -> None:
    space: dict[str, Any] = {}
    exec("from hybrid_bridge.simulator.module import *", space)  # noqa: S102 - what a shim does
    wanted = {*FUNCTIONS, *STRUCTURES, *CONTRACT["constants"], "Buy", "Sell", "Close", "__version__"}
    assert set() == wanted - set(space)
