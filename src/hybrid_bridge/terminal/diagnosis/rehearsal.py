"""The smallest order there is, checked by the terminal and never sent.

Owns the request and the reading of order_check's answer. Called by `inspection`.
"""

from hybrid_bridge.core.market import Side, TradeMode
from hybrid_bridge.core.orders import OrderRequest
from hybrid_bridge.core.requests import ACTION_DEAL, DEVIATION_POINTS, TYPE_BUY, TYPE_SELL, choose_filling
from hybrid_bridge.findings import Finding, Verdict, well, wrong
from hybrid_bridge.terminal import values
from hybrid_bridge.terminal.diagnosis.asking import Asked
from hybrid_bridge.terminal.diagnosis.faults import fault
from hybrid_bridge.terminal.diagnosis.operations import REHEARSE, RehearseReply, SymbolState
from hybrid_bridge.terminal.retcodes import RETCODES
from hybrid_bridge.terminal.rows import QuoteRow, SymbolRow
from hybrid_bridge.terminal.trade_lane import submit_args

STEP = "order_check"
NO_MONEY, MARKET_CLOSED = 10019, 10018
OPENS = (TradeMode.FULL, TradeMode.LONG_ONLY, TradeMode.SHORT_ONLY)
ADVICE = "look what the code means in the terminal's Journal; ask the broker if it stays"


async def rehearse_order(asked: Asked, symbols: list[SymbolState], magic: int) -> Finding:
    """Have the first tradable symbol's smallest order checked.

    Raises:
        LaneError, Silent: when the terminal cannot be asked.
    """
    for state in symbols:
        if state.spec is not None and state.quote is not None and state.spec.trade_mode in OPENS:
            reply = await asked.ask(REHEARSE, submit_args(_request(state.spec, state.quote, magic)))
            return _judge(state.spec, reply)
    return Finding(STEP, Verdict.SKIPPED, "no symbol has prices and can be traded")


def _request(spec: SymbolRow, quote: QuoteRow, magic: int) -> OrderRequest:
    side = Side.SELL if spec.trade_mode == TradeMode.SHORT_ONLY else Side.BUY
    return OrderRequest(
        action=ACTION_DEAL,
        symbol=spec.name,
        volume=spec.volume_min,
        price=quote.ask if side is Side.BUY else quote.bid,
        deviation=DEVIATION_POINTS,
        type=TYPE_BUY if side is Side.BUY else TYPE_SELL,
        type_filling=choose_filling(values.symbol_spec(spec)),
        magic=magic,
        comment="check",
    )


def _judge(spec: SymbolRow, reply: RehearseReply) -> Finding:
    order = f"{spec.volume_min:g} lots of {spec.name}"
    if reply.retcode == 0:
        return well(STEP, f"{order} would be accepted, margin {reply.margin:.2f}; it was not sent")
    seen = f"{reply.retcode} {reply.comment}"
    if reply.retcode == MARKET_CLOSED:
        doubt = fault("order_closed", seen, symbol=spec.name)
        return Finding(STEP, Verdict.NOTE, str(doubt), doubt)
    names = {"volume": spec.volume_min, "symbol": spec.name}
    if reply.retcode == NO_MONEY:
        return wrong(STEP, fault("order_money", f"{seen}, {reply.margin_free:.2f} free", **names))
    known = RETCODES.get(reply.retcode)
    meaning = known.meaning if known else "no reason that is known"
    advice = (known.advice if known else "") or ADVICE
    return wrong(STEP, fault("order_refused", seen, **names, meaning=meaning, advice=advice))
