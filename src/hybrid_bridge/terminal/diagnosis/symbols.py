"""The symbols of SYMBOLS as the broker has them: there or not, shown, tradable, with prices.

Owns the wait for the first prices of what was just put into the Market Watch. Called by `inspection`.
"""

from collections.abc import Sequence

from hybrid_bridge.core.market import TradeMode
from hybrid_bridge.findings import Finding, Verdict, well, wrong
from hybrid_bridge.ports import Clock
from hybrid_bridge.terminal.diagnosis.asking import Asked
from hybrid_bridge.terminal.diagnosis.faults import fault
from hybrid_bridge.terminal.diagnosis.operations import SYMBOLS, SymbolsArgs, SymbolState
from hybrid_bridge.terminal.rows import QuoteRow, SymbolRow

PRICES_S = 3.0
LOOK_EVERY_S = 0.25
ONE_WAY = {TradeMode.LONG_ONLY: "bought", TradeMode.SHORT_ONLY: "sold"}


async def find_symbols(
    asked: Asked, names: Sequence[str], clock: Clock, patience_s: float = PRICES_S
) -> list[SymbolState]:
    """Ask for the symbols, and again for a while where the first price has not come yet.

    Raises:
        LaneError, Silent: when the terminal cannot be asked.
    """
    reply = await asked.ask(SYMBOLS, SymbolsArgs(list(names)))
    first = {state.name: state for state in reply.symbols}
    latest = reply.symbols
    until_s = clock.monotonic() + patience_s
    while any(_waits(state) for state in latest) and clock.monotonic() < until_s:
        await clock.sleep(LOOK_EVERY_S)
        latest = (await asked.ask(SYMBOLS, SymbolsArgs(list(names)))).symbols
    return [_as_first_found(first[state.name], state) for state in latest]


def _waits(state: SymbolState) -> bool:
    return state.spec is not None and not state.refusal and state.quote is None


def _as_first_found(first: SymbolState, latest: SymbolState) -> SymbolState:
    """The second look finds what the first has put there."""
    return SymbolState(first.name, first.spec, first.near, first.added, first.refusal, latest.quote)


def judge_symbol(state: SymbolState) -> Finding:
    """Say whether a symbol can be traded."""
    step, name, spec = f"symbol {state.name}", state.name, state.spec
    if spec is None:
        like = ", ".join(state.near)
        near = f"; the broker has {like}" if like else ""
        return wrong(step, fault("symbol_unknown", "", symbol=name, near=near))
    if state.refusal:
        return wrong(step, fault("symbol_refused", state.refusal, symbol=name))
    if spec.trade_mode == TradeMode.DISABLED:
        return wrong(step, fault("symbol_disabled", "trade mode disabled", symbol=name))
    if spec.trade_mode == TradeMode.CLOSE_ONLY:
        return wrong(step, fault("symbol_close_only", "trade mode close only", symbol=name))
    if spec.trade_mode in ONE_WAY:
        doubt = fault("symbol_one_way", "", symbol=name, direction=ONE_WAY[TradeMode(spec.trade_mode)])
        return Finding(step, Verdict.NOTE, str(doubt), doubt)
    if state.quote is None:
        doubt = fault("symbol_no_price", "", symbol=name)
        return Finding(step, Verdict.NOTE, str(doubt), doubt)
    added = ", put into the Market Watch" if state.added else ""
    return well(step, f"{_prices(spec, state.quote)}, {spec.volume_min:g} to {spec.volume_max:g} lots{added}")


def _prices(spec: SymbolRow, quote: QuoteRow) -> str:
    return f"{quote.bid:.{spec.digits}f} / {quote.ask:.{spec.digits}f}"
