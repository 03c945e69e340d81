"""What a stop costs: the money that one lot loses when it is stopped out, all told.

Pure. The sizing of entries and the verdict on changed stops use it. Never less than the terminal's own
calculation says of the stop that is really sent.
"""

import math
from decimal import Decimal

from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.market import Quote, Side, SymbolSpec
from hybrid_bridge.core.sizing import exact, is_positive, round_to_tick

ROUNDING_OF_TICK = Decimal("1e-6")  # Of a tick: a float's rounding error, no other price.
OWN_PRICE_TOLERANCE = Decimal("0.01")  # What bid, ask and a rounded sum may differ by; see _is_converted_by.


def loss_per_lot(
    appraisal: Appraisal, side: Side, entry: float, stop_loss: float, reserve_points: float
) -> Decimal | None:
    """Return what one lot loses from the entry to the stop.

    It is the terminal's figure, stretched to the stop that is sent and by the reserve for slippage, in the
    money of the moment the stop is hit, with both sides' commission.

    Args:
        entry: price that the appraised loss is counted from.
        stop_loss: price as it was asked for and appraised.
        reserve_points: how much worse than the stop it may fill.
    Returns:
        Account currency, > 0; None when it is not known.
    """
    spec, quote = appraisal.spec, appraisal.quote
    loss, volume, commission = (
        appraisal.loss_at_stop,
        appraisal.reference_volume,
        appraisal.commission_per_lot,
    )
    if spec is None or quote is None or loss is None:
        return None
    figures = (loss, volume, entry, stop_loss, quote.bid, quote.ask)
    if not (all(map(is_positive, figures)) and math.isfinite(commission)):
        return None
    sent, asked = exact(round_to_tick(stop_loss, spec)), exact(stop_loss)
    if abs(sent - asked) < exact(spec.tick_size) * ROUNDING_OF_TICK:
        asked = sent
    distance = abs(exact(entry) - asked)
    if not distance:
        return None
    reserve = exact(reserve_points) * exact(spec.point)
    stretch = (abs(exact(entry) - sent) + reserve) / distance
    appraised = exact(loss) / exact(volume)
    filled = sent - reserve if side is Side.BUY else sent + reserve - exact(quote.ask) + exact(quote.bid)
    conversion = _conversion(appraisal, spec, quote, filled)
    if conversion < 1 and not _is_converted_by(spec, quote, appraised, distance):
        conversion = Decimal(1)
    return appraised * stretch * conversion + abs(exact(commission))


def _conversion(appraisal: Appraisal, spec: SymbolSpec, quote: Quote, bid_at_stop: Decimal) -> Decimal:
    """Return how much dearer the loss is when the stop is hit than at today's rate.

    Where the symbol itself is the rate between the account's currency and that of the profit (USDJPY on a
    USD account), the rate at the stop is known: it is the stop. order_calc_profit takes today's.

    Args:
        bid_at_stop: when the stop has filled as badly as is reserved for.
    """
    own = appraisal.report.account.currency
    if own != spec.currency_base or own == spec.currency_profit or bid_at_stop <= 0:
        return Decimal(1)
    return exact(quote.bid) / bid_at_stop


def _is_converted_by(spec: SymbolSpec, quote: Quote, appraised: Decimal, distance: Decimal) -> bool:
    """Tell whether the appraised loss shows that the symbol's own price converts it.

    A broker may name the account's currency as the base of an index; its price is no rate then, and must
    not make the loss smaller.
    """
    expected = exact(spec.contract_size) * distance / exact(quote.bid)
    return abs(appraised - expected) <= expected * OWN_PRICE_TOLERANCE
