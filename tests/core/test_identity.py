"""Whose account answers, and may a program trade it."""

from typing import Any

import pytest
from tests.core.builders import make_account, make_limits, make_report, make_terminal
from tests.core.casework import case_with, name_of, table

from hybrid_bridge.core.identity import (
    check_account,
    find_account_denial,
    find_terminal_denial,
    is_between_logins,
)


@table(
    ("the configured account", {}, None),
    ("another login", {"account": {"login": 7002}}, "account"),
    ("nobody's", {"account": {"login": 0}}, "account"),
    ("nobody's, any login allowed", {"account": {"login": 0}, "limits": {"login": None}}, "account"),
    ("any login allowed", {"account": {"login": 7002}, "limits": {"login": None}}, None),
    ("another server", {"account": {"server": "Broker-Live"}}, "account"),
    ("any server allowed", {"account": {"server": "Broker-Live"}, "limits": {"server": ""}}, None),
    ("another terminal", {"limits": {"terminal_path": "C:/Other/terminal64.exe"}}, "account"),
    ("investor login", {"account": {"trade_allowed": False}}, "account"),
    ("experts forbidden", {"account": {"trade_expert": False}}, "account"),
    ("python api disabled", {"terminal": {"api_disabled": True}}, "account"),
    ("autotrading off", {"terminal": {"trade_allowed": False}}, "account"),
    ("no link to the broker", {"terminal": {"connected": False}}, "account"),
)
def test_only_the_configured_account_is_traded_and_only_where_programs_may(
    changes: Any, expected: str | None
) -> None:
    assert expected == name_of(check_account(case_with(**changes)))


@pytest.mark.parametrize(
    ("configured", "answered", "same"),
    [
        ("C:\\Program Files\\MetaTrader 5\\terminal64.exe", "C:\\Program Files\\MetaTrader 5", True),
        ("c:/program files/metatrader 5/TERMINAL64.EXE", "C:\\Program Files\\MetaTrader 5\\", True),
        ("C:\\Program Files\\MetaTrader 5", "C:\\Program Files\\MetaTrader 5", True),
        ("C:\\MT5\\terminal64.exe", "C:\\MT5-2", False),
        ("C:\\MT5\\terminal64.exe", "D:\\MT5", False),
        ("C:\\MT5\\terminal64.exe", "", False),
        ("C:\\MT5X\\terminal64.exe", "C:\\MT5", False),
        ("C:\\MT5\\terminal64.exe", "C:\\MT5X", False),
        ("", "D:\\anything", True),
    ],
)
def test_a_terminal_is_known_by_its_folder(configured: str, answered: str, same: bool) -> None:
    report = make_report(terminal=make_terminal(path=answered))

    assert same == (find_account_denial(report, make_limits(terminal_path=configured)) is None)


def test_whose_account_it_is_does_not_depend_on_what_may_be_done_with_it() -> None:
    readonly = make_report(account=make_account(trade_allowed=False))

    assert find_account_denial(readonly, make_limits()) is None
    assert name_of(find_terminal_denial(readonly)) == "account"
    assert find_terminal_denial(make_report(account=make_account(login=9))) is None


@pytest.mark.parametrize(("login", "expected"), [(0, True), (7001, False)])
def test_a_terminal_without_a_login_is_between_two(login: int, expected: bool) -> None:
    assert expected == is_between_logins(make_report(account=make_account(login=login)))
