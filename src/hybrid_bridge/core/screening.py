"""The checks of the risk guard that need nothing from the terminal.

Each sees one `Case` and returns a Denial or None. `risk` calls them in its order.
"""

from itertools import takewhile

from hybrid_bridge.core.cases import Case
from hybrid_bridge.core.events import Denial, TradingState


def check_trading_enabled(case: Case) -> Denial | None:
    """Entries only when the trader switched trading on."""
    if case.limits.trading_enabled:
        return None
    if "trading_enabled" in case.state.tightened:
        mend = "switched off while the bridge runs; type `hybrid-bridge limits --restore` on the trading PC"
        return Denial("trading_enabled", "TRADING_ENABLED=true", "false", mend)
    return Denial(
        "trading_enabled", "TRADING_ENABLED=true", "false", "set TRADING_ENABLED=true and restart to trade"
    )


def check_emergency_stop(case: Case) -> Denial | None:
    """Nothing is opened after an emergency stop."""
    if case.limits.emergency_stop:
        return Denial(
            "emergency_stop", "EMERGENCY_STOP=false", "true", "set it to false, restart, then resume"
        )
    if not case.state.emergency:
        return None
    return Denial("emergency_stop", "no emergency stop", "stopped", case.state.halt_reason)


def check_trading_state(case: Case) -> Denial | None:
    """Entries only while ACTIVE or, if they reduce the exposure, REDUCING."""
    if case.state.trading is not TradingState.HALTED:
        return None
    return Denial("trading_state", "active", case.state.trading, case.state.halt_reason)


def check_duplicate_signal(case: Case) -> Denial | None:
    """Not the same symbol, side and volume again within the window under another id."""
    signal, oldest = case.signal, case.now_msc - case.limits.duplicate_window_ms
    for sent_msc, intent in reversed(case.state.entries):
        if sent_msc <= oldest:
            return None
        if (intent.symbol, intent.side, intent.volume) == (signal.symbol, signal.side, signal.volume):
            return Denial(
                "duplicate_signal",
                f"the like once in {case.limits.duplicate_window_ms} ms",
                f"{case.now_msc - sent_msc} ms after signal {intent.signal_id}",
                "same symbol, side and volume under another id",
            )
    return None


def check_symbol_listed(case: Case) -> Denial | None:
    """Only symbols that SYMBOLS names, and none whose last order is still in doubt."""
    symbol = case.signal.symbol
    if symbol not in case.limits.symbols:
        allowed = ",".join(sorted(case.limits.symbols))
        return Denial("symbol_allowed", allowed, symbol, "add it to SYMBOLS to trade it")
    for record in case.state.in_doubt():
        if record.intent.symbol == symbol:
            return Denial(
                "symbol_allowed",
                "no order of unknown outcome on the symbol",
                f"signal {record.intent.signal_id} is {record.state}",
                "entries resume once the terminal shows what became of it",
            )
    return None


def check_daily_trades(case: Case) -> Denial | None:
    """At most so many entries a broker day; a day that no look has opened yet is a fresh one."""
    limit, today = case.limits.max_daily_trades, case.server_day
    fresh = today is not None and (case.state.server_day is None or today > case.state.server_day)
    seen = 0 if fresh else case.state.daily_entries
    if seen < limit:
        return None
    return Denial("daily_trades", f"{limit} a day", str(seen), "entries resume on the broker's next day")


def check_order_rate(case: Case) -> Denial | None:
    """At most so many entries in any minute."""
    limit, entries = case.limits.max_orders_per_minute, case.state.entries
    minute_ago = case.now_msc - 60_000
    if len(entries) < limit or entries[-limit][0] <= minute_ago:
        return None  # Known without counting, which takes its time where thousands are permitted.
    recent = sum(1 for _ in takewhile(lambda entry: entry[0] > minute_ago, reversed(entries)))
    if recent < limit:
        return None
    return Denial("order_rate", f"{limit} a minute", str(recent), "denied, not queued")


def check_signal_account(case: Case) -> Denial | None:
    """Only signals meant for this account."""
    wanted, login = case.signal.account, case.limits.login
    if wanted is None or login is None or wanted == login:
        return None
    return Denial("account", str(login), str(wanted), "the signal names another account")
