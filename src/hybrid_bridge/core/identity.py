"""Whose account answers, and may it be traded by a program.

Pure. Asked by the guard before every order, by the watch at every look, and by what clears the account.
"""

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.limits import Limits


def find_account_denial(report: AccountReport, limits: Limits) -> Denial | None:
    """Compare the terminal's account with the configured one.

    Returns:
        A denial named "account" when login, server or terminal differ, or nobody is logged in.
    """
    account, terminal = report.account, report.terminal
    if is_between_logins(report):
        return Denial("account", "a logged-in account", "none", "the terminal is between two logins")
    if limits.login is not None and account.login != limits.login:
        return Denial("account", f"login {limits.login}", str(account.login), "another account is logged in")
    if limits.server and account.server != limits.server:
        return Denial("account", f"server {limits.server}", account.server, "another server is connected")
    if limits.terminal_path and _folder(terminal.path) != _folder(limits.terminal_path):
        return Denial("account", limits.terminal_path, terminal.path, "another terminal answered")
    return None


def is_between_logins(report: AccountReport) -> bool:
    """Tell whether the terminal shows nobody's account, as it does for a moment while logging in."""
    return report.account.login == 0


def _folder(path: str) -> str:
    """Return a terminal's folder in one spelling; MT5_PATH names the exe, the terminal its folder."""
    cleaned = path.replace("\\", "/").rstrip("/").casefold()
    return cleaned.rpartition("/")[0] if cleaned.endswith(".exe") else cleaned


def check_account(case: AppraisedCase) -> Denial | None:
    """The configured account, with the right to trade by program."""
    return find_account_denial(case.report, case.limits) or find_terminal_denial(case.report)


def find_terminal_denial(report: AccountReport) -> Denial | None:
    """Say what stands in the way of trading by program, whichever account it is.

    Returns:
        A denial named "account": a read-only login, a switch that is off, or no link to the broker.
    """
    account, terminal = report.account, report.terminal
    if not account.trade_allowed:
        return Denial("account", "a trading login", "read-only login", "log in with the trading password")
    if not account.trade_expert:
        return Denial("account", "automated trading", "forbidden by the broker", "ask the broker")
    if terminal.api_disabled:
        where = "Tools > Options > Expert Advisors > Disable automated trading via external Python API"
        return Denial("account", "Python API allowed", "disabled", f"clear {where}")
    if not terminal.trade_allowed:
        return Denial("account", "AutoTrading on", "off", "press Algo Trading in the terminal")
    if not terminal.connected:
        return Denial(
            "account", "terminal connected", "no link to the broker", "check the terminal's network"
        )
    return None
