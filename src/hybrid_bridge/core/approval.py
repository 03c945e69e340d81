"""From an appraised entry to an ApprovedOrder: the checks, then the size that every limit permits.

Pure; the engine calls `approve`. This is the only place that makes an ApprovedOrder for an entry.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from hybrid_bridge.core.bounds import Bound, Facts, find_bounds
from hybrid_bridge.core.cases import AppraisedCase, unseen_orders
from hybrid_bridge.core.events import Denial
from hybrid_bridge.core.market import Quote, SymbolSpec
from hybrid_bridge.core.orders import ApprovedOrder, Intent
from hybrid_bridge.core.requests import entry_request, make_magic
from hybrid_bridge.core.risk import is_sizeable, judge
from hybrid_bridge.core.sizing import (
    exact,
    floor_to_step,
    is_positive,
    least_volume,
    whole_steps,
)
from hybrid_bridge.core.stop_money import loss_per_lot


@dataclass(frozen=True, slots=True)
class Sized:
    """A volume and what it reserves: the worst loss at its stop (0.0 without one) and its margin."""

    volume: float
    risk_money: float
    margin: float


def approve(case: AppraisedCase, intent: Intent) -> ApprovedOrder | tuple[Denial, ...]:
    """Judge one entry on one set of facts.

    Returns:
        The order to send, or every denial that could be found; those that depend on the volume too,
        wherever symbol, quote, stops and account are known well enough to size on.
    """
    denials = judge(case)
    spec, quote = case.appraisal.spec, case.appraisal.quote
    if spec is None or quote is None or not is_sizeable(case):
        return denials
    facts = find_facts(case, spec, quote)
    sized = size(facts)
    if not isinstance(sized, Sized):
        return (*denials, *sized)
    if denials:
        return denials
    magic = make_magic(case.limits.magic, intent.number)
    request = entry_request(intent, sized.volume, spec, quote, magic)
    return ApprovedOrder(intent, request, quote, sized.risk_money, margin=sized.margin, worth=facts.worth)


def find_facts(case: AppraisedCase, spec: SymbolSpec, quote: Quote) -> Facts:
    """Return what the size of an entry follows from."""
    signal, appraisal = case.signal, case.appraisal
    entry, reserve = quote.entry_price(signal.side), case.limits.slippage_reserve_points
    margin, reference = appraisal.margin, appraisal.reference_volume
    known = margin is not None and math.isfinite(margin) and margin >= 0 and is_positive(reference)
    return Facts(
        case=case,
        spec=spec,
        loss_per_lot=loss_per_lot(appraisal, signal.side, entry, signal.stop_loss, reserve),
        margin_per_lot=exact(margin) / exact(reference) if margin is not None and known else None,
        unseen=unseen_orders(case),
    )


def size(facts: Facts) -> Sized | tuple[Denial, ...]:
    """Find the volume to send: the largest that every limit permits, and not more than was asked for.

    Returns:
        The denials instead where a limit lets not even the least volume through; or not the one asked for,
        where that must not be reduced.
    """
    spec, wanted = facts.spec, facts.case.signal.volume
    found, least = find_bounds(facts), least_volume(spec)
    asked = None if wanted is None else exact(floor_to_step(wanted, spec.volume_step))
    denials = [finding for finding in found if isinstance(finding, Denial)]
    bounds = [finding for finding in found if isinstance(finding, Bound)]
    if asked is not None and asked < least:
        seen = f"{float(asked):g} (asked {wanted:g})"
        denials.insert(0, Denial("volume", f"at least {float(least):g} lots", seen, "never rounded up"))
    for bound in bounds:
        must_fit = _must_fit(bound, facts, asked, least)
        if whole_steps(bound.lots, spec.volume_step) < must_fit:
            denials.append(_deny(bound, must_fit, asked))
    if denials:
        return tuple(denials)
    permitted = [bound.lots for bound in bounds] + ([] if asked is None else [asked])
    volume = whole_steps(min(permitted), spec.volume_step)
    return Sized(
        float(volume),
        float(volume * (facts.loss_per_lot or 0)),
        float(volume * (facts.margin_per_lot or 0)),
    )


def _deny(bound: Bound, lots: Decimal, asked: Decimal | None) -> Denial:
    if lots != asked:
        return bound.deny(lots, ", the least")
    return bound.deny(lots, "", "" if bound.check == "volume" else "; OVERSIZED=deny")


def _must_fit(bound: Bound, facts: Facts, asked: Decimal | None, least: Decimal) -> Decimal:
    """Return the lots that a limit must let through, lest the entry be denied.

    A volume that is named and above the symbol's or the trader's own most is a mistake, and never reduced.
    """
    if asked is None or (facts.case.limits.reduce_oversized and bound.check != "volume"):
        return least
    return asked
