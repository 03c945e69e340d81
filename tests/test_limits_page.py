"""The table of limits in docs/limits.md: every check is there, with settings, its own words, and tests."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.limit_denials import CASES, PAGE, denials, rows

from hybrid_bridge.core.bounds import BOUNDS
from hybrid_bridge.core.risk import JUDGING, SCREENING
from hybrid_bridge.settings import Settings

ROOT = Path(__file__).parents[1]
CHECKS = (
    "trading_enabled", "trading_state", "emergency_stop", "expiry", "duplicate_signal", "symbol_allowed",
    "quote_fresh", "spread", "price_collar", "stop_loss", "volume", "risk_per_trade", "open_risk",
    "daily_trades", "daily_loss", "drawdown", "open_positions", "exposure", "margin", "order_rate",
    "loss_streak", "account",
)  # fmt: skip
SETTING = re.compile(r"`([A-Z0-9_]+)` \[([^\]]+)\]")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@cache
def table() -> dict[str, list[str]]:
    """The cells by the check's name."""
    return {cells[0]: cells for _, cells in rows(PAGE.read_text(encoding="utf-8"))}


@cache
def functions_of(path: Path) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def shown(value: Any) -> str:
    """A setting's default as the page shows it."""
    if value is None or value == "":
        return "off none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_table_has_every_check_once_and_in_order() -> None:
    assert list(CHECKS) == [cells[0] for _, cells in rows(PAGE.read_text(encoding="utf-8"))]
    assert set(CHECKS) == set(CASES)


@pytest.mark.parametrize("check", CHECKS)
def test_the_denial_reads_as_the_page_says(check: str) -> None:
    assert denials()[check] == table()[check][3]


@pytest.mark.parametrize("check", CHECKS)
def test_the_denial_names_its_check_the_limit_and_what_was_seen(check: str) -> None:
    for case in CASES[check]():
        told = case.told()
        if told.startswith("denied: "):
            assert f"{check}: saw " in told
            assert ", allowed " in told
        else:
            assert check in ("expiry", "duplicate_signal")


@pytest.mark.parametrize("check", CHECKS)
def test_settings_exist_and_have_these_defaults(check: str) -> None:
    named = SETTING.findall(table()[check][1])

    assert named or check == "trading_state"
    for name, default in named:
        assert default in shown(Settings.model_fields[name.lower()].default).split(), name


def test_every_setting_of_a_limit_is_in_the_table() -> None:
    named = {name.lower() for cells in table().values() for name, _ in SETTING.findall(cells[1])}
    names = list(Settings.model_fields)
    limits = set(names[names.index("trading_enabled") : names.index("keep_awake")])

    assert limits <= named


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_names_tests_that_exist(check: str) -> None:
    named = NAMED.findall(table()[check][4])

    assert named, f"{check} names no test"
    for file, function in named:
        path = ROOT / file
        assert path.is_file(), f"{check}: no file {file}"
        if function:
            assert function in functions_of(path), f"{check}: no {function} in {file}"


def test_every_function_of_the_guard_that_denies_stands_in_the_table() -> None:
    names = {
        check.__name__.removeprefix("check_").removeprefix("bound_")
        for check in (*SCREENING, *JUDGING, *BOUNDS)
    }
    called_otherwise = {
        "signal_account": "account",
        "symbol_listed": "symbol_allowed",
        "symbol_tradable": "symbol_allowed",
        "reducing": "trading_state",
        "risk": "risk_per_trade",
    }

    assert {called_otherwise.get(name, name) for name in names} <= set(CHECKS)
