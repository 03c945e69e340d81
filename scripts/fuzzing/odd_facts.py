"""Facts of an appraisal at their borders and beyond: NaN, zero, negative, missing, just too old, by seed.

`session` has one fact in three appraisals bent. Judges nothing.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scripts.fuzzing.market import LOGIN

from hybrid_bridge.core.account import AccountReport, Valuation
from hybrid_bridge.core.appraisal import Appraisal
from hybrid_bridge.core.limits import Limits

NAN, INF = float("nan"), float("inf")
ODD = (NAN, INF, -INF, 0.0, -0.0, -1.0, 1e-308, 1e308, 5e-324)

Twist = Callable[[Appraisal, random.Random, Limits], Appraisal]


def make_odd(appraisal: Appraisal, draw: random.Random, limits: Limits) -> Appraisal:
    """Put one fact of an appraisal at its border, or beyond."""
    return draw.choice(TWISTS)(appraisal, draw, limits)


def _bend_quote(appraisal: Appraisal, draw: random.Random, limits: Limits) -> Appraisal:
    quote, spec = appraisal.quote, appraisal.spec
    if quote is None or spec is None:
        return appraisal
    now = appraisal.report.at_msc
    ages = (limits.max_quote_age_ms, -2_000, 0)
    way = draw.randrange(6)
    if way == 0:
        return replace(appraisal, quote=replace(quote, bid=draw.choice(ODD)))
    if way == 1:
        return replace(appraisal, quote=replace(quote, ask=draw.choice(ODD)))
    if way == 2:
        return replace(appraisal, quote=None)
    if way == 3:
        return replace(appraisal, quote=replace(quote, time_msc=None))
    if way == 4 and limits.max_spread_points is not None:
        points = limits.max_spread_points + draw.choice((-1.0, 0.0, 0.5, 1.0))
        return replace(
            appraisal, quote=replace(quote, ask=round(quote.bid + points * spec.point, spec.digits + 1))
        )
    if way == 5:
        return replace(appraisal, quote=replace(quote, bid=quote.ask, ask=quote.bid))
    age = draw.choice(ages) + draw.choice((-1, 0, 1))
    return replace(appraisal, quote=replace(quote, time_msc=now - age))


def _bend_spec(appraisal: Appraisal, draw: random.Random, limits: Limits) -> Appraisal:
    del limits
    spec = appraisal.spec
    if spec is None or draw.random() < 0.1:
        return replace(appraisal, spec=None)
    name = draw.choice(
        ("point", "tick_size", "volume_min", "volume_max", "volume_step", "volume_limit", "modes", "levels")
    )
    if name == "modes":
        return replace(appraisal, spec=replace(spec, trade_mode=draw.choice((0, 1, 2, 3, 4, 9))))
    if name == "levels":
        levels: dict[str, Any] = {
            "stops_level": draw.choice((0, 199, 200, 201)),
            "freeze_level": draw.choice((0, 200, 10**9)),
        }
        return replace(appraisal, spec=replace(spec, **levels))
    odd: dict[str, Any] = {name: draw.choice(ODD)}
    return replace(appraisal, spec=replace(spec, **odd))


def _bend_money(appraisal: Appraisal, draw: random.Random, limits: Limits) -> Appraisal:
    del limits
    name = draw.choice(("loss_at_stop", "margin", "commission_per_lot", "reference_volume"))
    odd: dict[str, Any] = {name: draw.choice(ODD)}
    if name in ("loss_at_stop", "margin") and draw.random() < 0.3:
        odd[name] = None
    return replace(appraisal, **odd)


def _bend_account(appraisal: Appraisal, draw: random.Random, limits: Limits) -> Appraisal:
    report = appraisal.report
    account = report.account
    odd: dict[str, Any] = draw.choice(
        (
            {"login": 0},
            {"login": LOGIN + 1},
            {"server": "Other"},
            {"trade_allowed": False},
            {"trade_expert": False},
            {"equity": draw.choice(ODD)},
            {"equity": account.equity * (1 - (limits.max_daily_loss_percent or 2.0) / 100)},
            {"free_margin": draw.choice(ODD)},
            {"margin": draw.choice(ODD)},
            {"margin_level": draw.choice((*ODD, 99.9, 100.0, 150.0))},
            {"profit": NAN},
        )
    )
    return replace(appraisal, report=replace(report, account=replace(account, **odd)))


def _bend_report(appraisal: Appraisal, draw: random.Random, limits: Limits) -> Appraisal:
    del limits
    report, terminal = appraisal.report, appraisal.report.terminal
    odd: dict[str, Any] = draw.choice(
        ({"trade_allowed": False}, {"connected": False}, {"api_disabled": True}, {}, {})
    )
    if odd:
        return replace(appraisal, report=replace(report, terminal=replace(terminal, **odd)))
    if draw.random() < 0.2:
        return replace(appraisal, report=replace(report, server_day=None))
    return replace(appraisal, report=replace(report, valuation=_odd_valuation(report, draw)))


def _odd_valuation(report: AccountReport, draw: random.Random) -> Valuation | None:
    valuation = report.valuation
    if valuation is None or draw.random() < 0.2:
        return None
    losses, waiting = dict(valuation.position_losses), dict(valuation.order_losses)
    worths = dict(valuation.worths)
    for part in (losses, waiting):
        if part and draw.random() < 0.5:
            part[draw.choice(list(part))] = draw.choice((None, NAN, INF, 0.0))
    if worths and draw.random() < 0.6:
        name = draw.choice(list(worths))
        worths[name] = replace(worths[name], money_per_lot=draw.choice((None, *ODD)))
    return Valuation(losses, waiting, worths)


TWISTS: tuple[Twist, ...] = (
    _bend_quote,
    _bend_quote,
    _bend_quote,
    _bend_spec,
    _bend_money,
    _bend_account,
    _bend_account,
    _bend_report,
)
