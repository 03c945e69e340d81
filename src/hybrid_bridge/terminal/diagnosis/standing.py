"""What the terminal and its account permit: who answers, the broker's connection, the switches, the rights.

Judges what the worker has told; asks nothing itself. Called by `inspection`.
"""

from collections.abc import Iterator

from hybrid_bridge.findings import Finding, Verdict, well, wrong
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.diagnosis.faults import fault
from hybrid_bridge.terminal.diagnosis.operations import AccountState, StateReply, TerminalState
from hybrid_bridge.terminal.identity import same_folder

# Below this the package cannot list symbols. Source: measured with the genuine package 5.0.6231.
BUILD_MIN = 2364
KINDS = {0: "demo", 1: "contest", 2: "real money"}
MARGIN_MODES = {0: "netting", 1: "exchange", 2: "hedging"}


def judge_state(state: StateReply, settings: TerminalSettings) -> Iterator[Finding]:
    """Yield what terminal and account come to."""
    terminal, account = state.terminal, state.account
    yield _terminal(terminal, settings)
    expected = _account(account, settings)
    yield expected
    yield _broker(terminal)
    yield _algo_trading(terminal)
    yield _python_orders(terminal)
    if expected.verdict is not Verdict.FAILED:
        yield _rights(account)
    else:
        yield Finding("account's rights", Verdict.SKIPPED, "it is another account")


def _terminal(terminal: TerminalState, settings: TerminalSettings) -> Finding:
    step = "terminal"
    seen = f"{terminal.name} build {terminal.build} of {terminal.company}, {terminal.path}"
    if settings.backend == "terminal" and settings.path and not same_folder(settings.path, terminal.path):
        return wrong(step, fault("other_terminal", f"{terminal.path} answered, not {settings.path}"))
    if terminal.build < BUILD_MIN:
        return wrong(step, fault("build_old", f"build {terminal.build}, at least {BUILD_MIN} is needed"))
    return well(step, seen)


def _account(account: AccountState, settings: TerminalSettings) -> Finding:
    step = "account"
    found = f"{account.login} on {account.server}"
    if settings.login is not None and account.login != settings.login:
        return wrong(step, fault("other_account", f"{found}, not {settings.login}", login=settings.login))
    if settings.server and account.server.lower() != settings.server.lower():
        return wrong(step, fault("other_server", f"{found}, not {settings.server}"))
    if settings.login is None and settings.backend == "terminal":
        doubt = fault("login_unset", f"{found} is logged in", login=account.login)
        return Finding(step, Verdict.NOTE, str(doubt), doubt)
    kind = KINDS.get(account.trade_mode, f"kind {account.trade_mode}")
    mode = MARGIN_MODES.get(account.margin_mode, f"margin mode {account.margin_mode}")
    return well(step, f"{found}, {kind}, {account.currency}, 1:{account.leverage}, {mode}")


def _broker(terminal: TerminalState) -> Finding:
    if not terminal.connected:
        return wrong("broker", fault("link_down", "the terminal says that it is not connected"))
    ping = f", ping {terminal.ping_last / 1000:.1f} ms" if terminal.ping_last > 0 else ""
    return well("broker", f"connected{ping}")


def _algo_trading(terminal: TerminalState) -> Finding:
    if not terminal.trade_allowed:
        return wrong("Algo Trading", fault("algo_off", "trade_allowed is false"))
    return well("Algo Trading", "on")


def _python_orders(terminal: TerminalState) -> Finding:
    if terminal.tradeapi_disabled:
        return wrong("orders from Python", fault("api_off", "tradeapi_disabled is true"))
    return well("orders from Python", "permitted")


def _rights(account: AccountState) -> Finding:
    step = "account's rights"
    if not account.trade_allowed:
        return wrong(step, fault("account_read_only", "the account's trade_allowed is false"))
    if not account.trade_expert:
        return wrong(step, fault("account_no_experts", "the account's trade_expert is false"))
    return well(step, "may trade, and by programs")
