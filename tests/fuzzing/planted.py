"""Bugs to plant into the decoders and the guard: each must make the fuzz see a difference.

Owns what each bug changes, as parts put in another's place. `test_planted_bugs` plants one at a time.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hybrid_bridge.core import (
    approval,
    bounds,
    cases,
    engine,
    losses,
    market_checks,
    risk,
    stop_changes,
    tightening,
    verdict,
)
from hybrid_bridge.core.sizing import exact
from hybrid_bridge.messages import inbound
from hybrid_bridge.streams import records

Change = tuple[Any, str, Any]  # Where, which name, and what stands there instead.


def _wider_tolerance(original: Callable[..., Any]) -> Callable[..., Any]:
    def find_expiry(intent: Any, now_msc: int) -> Any:
        return original(intent, now_msc - 1)

    return find_expiry


def _to_msc_without_zone(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _rounded_up(volume: float, step: float) -> float:
    steps = (Decimal(repr(volume)) / Decimal(repr(step))).to_integral_value()
    return float(steps * Decimal(repr(step)))


def _nearest_steps(lots: Decimal, step: float) -> Decimal:
    return (lots / exact(step)).to_integral_value() * exact(step)


def _older_quotes(original: Callable[..., Any]) -> Callable[..., Any]:
    def check(case: Any) -> Any:
        return original(
            replace(case, limits=replace(case.limits, max_quote_age_ms=case.limits.max_quote_age_ms + 1))
        )

    return check


def _instead(checks: tuple[Any, ...], name: str, plant: Callable[[Any], Any]) -> tuple[Any, ...]:
    return tuple(plant(check) if check.__name__ == name else check for check in checks)


def _cut_id(given: str | int | None, fallback: str) -> str:
    return fallback if given is None else str(given)[:3]


def _any_loss(*args: Any, **kwargs: Any) -> Any:
    found = stop_money_original(*args, **kwargs)
    return None if found is None else found * Decimal("0.99")


stop_money_original = approval.loss_per_lot


def _lenient(**hooks: Any) -> json.JSONDecoder:
    """Return the bridge's strict reader of JSON with one of its hooks gone."""
    strict = {
        "object_pairs_hook": inbound._unique_keys,
        "parse_constant": inbound._refuse_constant,
        "parse_float": inbound._finite_float,
    }
    return json.JSONDecoder(**(strict | hooks))


DECODER_BUGS: dict[str, tuple[Change, ...]] = {
    "keys may stand twice": ((inbound, "_strict_json", _lenient(object_pairs_hook=dict)),),
    "NaN is let through": ((inbound, "_strict_json", _lenient(parse_constant=float)),),
    "a number may be beyond all numbers": ((inbound, "_strict_json", _lenient(parse_float=float)),),
    "nothing looks for bad JSON": ((inbound, "_refuse_bad_json", lambda raw: None),),
    "a message may be one byte longer": ((inbound, "MESSAGE_BYTES_MAX", inbound.MESSAGE_BYTES_MAX + 1),),
    "the zone of a time is not read": ((inbound, "_to_msc", _to_msc_without_zone),),
    "an id is cut": ((inbound, "_id", _cut_id),),
    "an id may be longer": ((inbound, "ID_CHARS_MAX", 200),),
    "an escaped stop is overlooked": ((records, "_ESCAPE", b"\x00\x00"),),
    "a record's time is not its own": ((inbound, "_written_msc", lambda source: None),),
}
GUARD_BUGS: dict[str, tuple[Change, ...]] = {
    **{
        f"{check.__name__} is not asked": (
            (risk, "SCREENING", tuple(other for other in risk.SCREENING if other is not check)),
        )
        for check in risk.SCREENING
    },
    **{
        f"{check.__name__} is not asked": (
            (risk, "JUDGING", tuple(other for other in risk.JUDGING if other is not check)),
        )
        for check in risk.JUDGING
    },
    **{
        f"{bound.__name__} is not asked": (
            (bounds, "BOUNDS", tuple(other for other in bounds.BOUNDS if other is not bound)),
        )
        for bound in bounds.BOUNDS
    },
    "a signal lives a millisecond longer": ((engine, "_find_expiry", _wider_tolerance(engine._find_expiry)),),
    "a signal may come from the future": (
        (engine, "find_future", lambda *_: None),
        (verdict, "find_future", lambda *_: None),
    ),
    "a quote may be a millisecond older": (
        (risk, "JUDGING", _instead(risk.JUDGING, "check_quote_fresh", _older_quotes)),
    ),
    "a volume is rounded to the nearest step": ((approval, "floor_to_step", _rounded_up),),
    "a size is rounded to the nearest step": ((approval, "whole_steps", _nearest_steps),),
    "the loss at the stop is a hundredth too small": ((approval, "loss_per_lot", _any_loss),),
    "what no look shows is forgotten": (
        (approval, "unseen_orders", lambda case: []),
        (risk, "JUDGING", risk.JUDGING),
    ),
    "only what is in doubt counts as unseen": ((cases, "find_unseen", lambda state, *_: state.in_doubt()),),
    "the stops level is not kept": ((market_checks, "find_stops_denial", lambda *_: None),),
    "no day's loss denies": ((losses, "find_daily_loss", lambda state, limits, account: None),),
    "a stop may be moved anywhere": ((stop_changes, "raises_loss", lambda *_: False),),
    "a position's levels are not looked at": ((stop_changes, "find_stops_denial", lambda *_: None),),
    "no id is a duplicate": ((engine, "_find_duplicate", lambda *_: None),),
    "an oversized volume is always reduced": (
        (approval, "_must_fit", lambda bound, facts, asked, least: least),
    ),
    "limits can be loosened": ((tightening, "is_stricter", lambda *_: True),),
    "a limit takes any value": ((tightening.Rule, "accepts", lambda *_: True),),
}
BUGS = {**DECODER_BUGS, **GUARD_BUGS}
# Where the first seed does not see a bug: one that does, so that the tests are soon through.
SEEN_BY = {
    "check_trading_enabled is not asked": 16,
    "check_order_rate is not asked": 20,
    "check_spread is not asked": 6,
    "check_daily_loss is not asked": 5,
    "check_drawdown is not asked": 5,
    "check_loss_streak is not asked": 4,
    "a quote may be a millisecond older": 5,
    "what no look shows is forgotten": 10,
    "only what is in doubt counts as unseen": 5,
    "no day's loss denies": 5,
}
