"""The risk guard: every pre-trade check as a small pure function with a name.

`screen` runs the checks that need no terminal, `judge` all of them and the sizing. Each check sees one `Case`
and returns a Denial or None; every denial that can be known is reported, not only the first. Whatever is
unknown (no equity, no quote, NaN) denies. The engine calls these; nobody else approves an order.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from hybrid_bridge.core.account import AccountReport
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.events import Denial, TradingState
from hybrid_bridge.core.inputs import SignalReceived
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.market import Side, SymbolSpec, TradeMode
from hybrid_bridge.core.sizing import is_positive, round_to_tick
from hybrid_bridge.core.state import EngineState, OrderRecord

CLOCK_TOLERANCE_MS = 2_000  # A quote or a sender's clock may be this far ahead of ours.
TRADE_MODES_OF_SIDE = {
    Side.BUY: {TradeMode.FULL, TradeMode.LONG_ONLY},
    Side.SELL: {TradeMode.FULL, TradeMode.SHORT_ONLY},
}
# What a symbol that has just been selected still reports as 0; nothing can be sized or rounded without them.
POSITIVE_FACTS = ("point", "tick_size", "volume_min", "volume_max", "volume_step")


@dataclass(frozen=True, slots=True)
class Case:
    """One entry before the guard."""

    signal: SignalReceived
    state: EngineState
    limits: Limits
    now_msc: int


@dataclass(frozen=True, slots=True)
class AppraisedCase(Case):
    """One entry together with what the terminal says of it."""

    appraisal: Appraisal

    @property
    def report(self) -> AccountReport:
        """The account at the moment of the appraisal."""
        return self.appraisal.report


Check = Callable[[Case], Denial | None]
AppraisedCheck = Callable[[AppraisedCase], Denial | None]


def check_trading_enabled(case: Case) -> Denial | None:
    """Entries only when the trader switched trading on."""
    if case.limits.trading_enabled:
        return None
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
    """At most so many entries a broker day."""
    limit, seen = case.limits.max_daily_trades, case.state.daily_entries
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


SCREENING: tuple[Check, ...] = (
    check_trading_enabled,
    check_emergency_stop,
    check_trading_state,
    check_signal_account,
    check_symbol_listed,
    check_duplicate_signal,
    check_daily_trades,
    check_order_rate,
)


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


def check_symbol_tradable(case: AppraisedCase) -> Denial | None:
    """The terminal knows the symbol and the venue takes this direction."""
    spec, side = case.appraisal.spec, case.signal.side
    if spec is None:
        return Denial("symbol_allowed", "a symbol the terminal knows", case.signal.symbol, "not found")
    lacking = [name for name in POSITIVE_FACTS if not is_positive(getattr(spec, name))]
    lacking += [] if spec.volume_limit >= 0 else ["volume_limit"]
    if lacking:
        return Denial("symbol_allowed", "known trading rules", f"no {', '.join(lacking)}", "not yet loaded")
    if TRADE_MODES_OF_SIDE[side] & {spec.trade_mode}:
        return None
    names = {mode.value: mode.name.lower() for mode in TradeMode}
    seen = names.get(spec.trade_mode, f"trade mode {spec.trade_mode}")
    return Denial("symbol_allowed", f"{side} permitted", seen, "venue's rule")


def check_quote_fresh(case: AppraisedCase) -> Denial | None:
    """A present, positive, uncrossed quote that is not old."""
    quote, limit = case.appraisal.quote, case.limits.max_quote_age_ms
    if quote is None:
        return Denial("quote_fresh", "a current quote", "none", "the terminal has no tick for the symbol")
    if not (is_positive(quote.bid) and is_positive(quote.ask) and quote.bid <= quote.ask):
        return Denial("quote_fresh", "0 < bid <= ask", f"bid {quote.bid} ask {quote.ask}", "no usable price")
    if quote.time_msc is None:
        return Denial("quote_fresh", f"at most {limit} ms old", "age not known", "server clock not known yet")
    age = case.now_msc - quote.time_msc
    if -CLOCK_TOLERANCE_MS <= age <= limit:
        return None
    return Denial(
        "quote_fresh", f"at most {limit} ms old", f"{age} ms", "market closed, link down or wrong clock"
    )


def check_spread(case: AppraisedCase) -> Denial | None:
    """The spread is not above MAX_SPREAD_POINTS."""
    limit, quote, spec = case.limits.max_spread_points, case.appraisal.quote, case.appraisal.spec
    if limit is None or quote is None or spec is None:
        return None
    points = (quote.ask - quote.bid) / spec.point if spec.point > 0 else math.inf
    if points <= limit + 1e-6:  # Half a rounding error of a price difference, far below one point.
        return None
    return Denial("spread", f"{limit:g} points", f"{points:.1f} points", "wait for a narrower spread")


def check_price_collar(case: AppraisedCase) -> Denial | None:
    """The market is not farther from the signal's price than MAX_PRICE_DRIFT_POINTS."""
    limit, quote, spec = case.limits.max_price_drift_points, case.appraisal.quote, case.appraisal.spec
    if limit is None or case.signal.price is None or quote is None or spec is None:
        return None
    drift = abs(quote.entry_price(case.signal.side) - case.signal.price)
    points = drift / spec.point if spec.point > 0 else math.inf
    if points <= limit + 1e-6:  # As above.
        return None
    return Denial(
        "price_collar", f"{limit:g} points", f"{points:.1f} points", f"signal saw {case.signal.price}"
    )


def check_stop_loss(case: AppraisedCase) -> Denial | None:
    """Stops are present, on the right side and outside the stops level."""
    signal, quote, spec = case.signal, case.appraisal.quote, case.appraisal.spec
    if not signal.stop_loss and case.limits.require_stop_loss:
        return Denial("stop_loss", "a stop_loss", "none", "send stop_loss or set REQUIRE_STOP_LOSS=false")
    if quote is None or spec is None:
        return None
    return find_stops_denial(
        signal.side, signal.stop_loss, signal.take_profit, quote.exit_price(signal.side), spec
    )


def find_stops_denial(
    side: Side, stop_loss: float, take_profit: float, exit_price: float, spec: SymbolSpec
) -> Denial | None:
    """Judge stops against the price a position would close at (bid for BUY, ask for SELL).

    Source: MQL5 reference, SYMBOL_TRADE_STOPS_LEVEL.
    """
    if (stop_loss or take_profit) and not (is_positive(spec.point) and is_positive(spec.tick_size)):
        return Denial("stop_loss", "a known tick size", f"{spec.tick_size}", f"{spec.name} is not loaded yet")
    direction = 1 if side is Side.BUY else -1
    for name, price, sign in (("stop_loss", stop_loss, -1), ("take_profit", take_profit, 1)):
        if not price:
            continue
        if not is_positive(price) or not round_to_tick(price, spec):
            return Denial("stop_loss", f"{name} of a tick or more", f"{price}", "would be sent as none")
        distance = sign * direction * (price - exit_price) / spec.point
        if not distance > 0:
            where = "below" if sign * direction < 0 else "above"
            return Denial("stop_loss", f"{name} {where} {exit_price}", f"{price}", f"wrong side for {side}")
        if distance < spec.stops_level - 1e-6:  # A rounding error, far below one point.
            least = f"{name} at least {spec.stops_level} points away"
            return Denial("stop_loss", least, f"{distance:.1f} points", "inside the venue's stops level")
    return None


def unseen_orders(case: AppraisedCase) -> list[OrderRecord]:
    """Return the orders that may hold a position which the look at the account does not show."""
    return [*case.state.in_doubt(), *case.state.unshown_fills(case.now_msc)]


def check_open_positions(case: AppraisedCase) -> Denial | None:
    """At most so many positions in all and on the symbol; what may be open without being shown counts too."""
    symbol = case.signal.symbol
    unseen = [record.intent.symbol for record in unseen_orders(case)]
    held = [position.symbol for position in case.report.positions] + unseen
    limits = (
        ("MAX_OPEN_POSITIONS", case.limits.max_open_positions, len(held)),
        ("MAX_POSITIONS_PER_SYMBOL", case.limits.max_positions_per_symbol, held.count(symbol)),
    )
    for name, limit, seen in limits:
        if limit is not None and seen >= limit:
            return Denial("open_positions", str(limit), str(seen), name)
    return None


def check_daily_loss(case: AppraisedCase) -> Denial | None:
    """The loss since the broker day's opening equity, floating included, is inside the limit."""
    return _check_fall("daily_loss", case.limits.max_daily_loss_percent, case.state.day_equity, case)


def check_drawdown(case: AppraisedCase) -> Denial | None:
    """The fall from the equity's highest mark is inside the limit."""
    return _check_fall("drawdown", case.limits.max_drawdown_percent, case.state.equity_peak, case)


def _check_fall(name: str, limit: float | None, start: float | None, case: AppraisedCase) -> Denial | None:
    if limit is None:
        return None
    equity = case.report.account.equity
    if start is None or not is_positive(start) or not math.isfinite(equity):
        return Denial(name, f"{limit:g} %", f"equity {equity}, reference {start}", "the loss is not known")
    fall = (start - equity) / start * 100
    if fall < limit:
        return None
    return Denial(name, f"{limit:g} %", f"{fall:.2f} %", f"equity {equity:.2f} from {start:.2f}")


def check_reducing(case: AppraisedCase) -> Denial | None:
    """While REDUCING only what makes the symbol's net position smaller passes."""
    if case.state.trading is not TradingState.REDUCING:
        return None
    net = sum(
        position.volume if position.side is Side.BUY else -position.volume
        for position in case.report.positions
        if position.symbol == case.signal.symbol
    )
    change = (case.signal.volume or math.inf) * (1 if case.signal.side is Side.BUY else -1)
    if abs(net + change) < abs(net):
        return None
    return Denial("trading_state", "less exposure", f"net {net:g} lots, change {change:g}", "reducing only")


JUDGING: tuple[AppraisedCheck, ...] = (
    check_account,
    check_symbol_tradable,
    check_quote_fresh,
    check_reducing,
    check_stop_loss,
    check_spread,
    check_price_collar,
    check_open_positions,
    check_daily_loss,
    check_drawdown,
)


def screen(case: Case) -> tuple[Denial, ...]:
    """Run the checks that need nothing from the terminal; empty means nothing against it so far."""
    return tuple(denial for check in SCREENING if (denial := check(case)) is not None)


def judge(case: AppraisedCase) -> tuple[Denial, ...]:
    """Run every check but the sizing's; empty means the entry may be sized."""
    appraised = tuple(denial for check in JUDGING if (denial := check(case)) is not None)
    return screen(case) + appraised
