"""Limits made stricter while the bridge runs: all or nothing, never looser, taken back by a person only."""

import contextlib
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.core.builders import NOW, make_limits

from hybrid_bridge.core.events import LimitsRestored, LimitsTightened
from hybrid_bridge.core.inputs import LimitsRestoreRequested, TighteningRequested
from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.state import EngineState, apply
from hybrid_bridge.core.tightening import (
    NAME_CHARS_SHOWN,
    RULES,
    Refused,
    in_force,
    is_stricter,
    restore,
    shown_name,
    shown_setting,
    shown_value,
    tighten,
)
from hybrid_bridge.settings import Settings
from hybrid_bridge.settings.problems import accepted

BACKEND = Source(Channel.WEBSOCKET)
HERE = Source(Channel.LOCAL)
LIMITS = make_limits(trading_enabled=True, max_risk_percent=2.0, max_daily_trades=10, max_volume=None)
SCHEMAS = Settings.model_json_schema()["properties"]


def request(*limits: tuple[str, bool | float], source: Source = BACKEND) -> TighteningRequested:
    return TighteningRequested(limits, "wild market", source, NOW - 5)


def ask(*limits: tuple[str, bool | float], of: Limits = LIMITS) -> Any:
    return tighten(of, request(*limits), NOW)


def refusal(name: str, value: bool | float, of: Limits = LIMITS) -> str:
    refused = ask((name, value), of=of)
    assert isinstance(refused, Refused)
    (reason,) = refused.reasons
    return reason


def state_after(*events: Any) -> EngineState:
    state = EngineState()
    for event in events:
        apply(state, event)
    return state


# What is refused


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_risk_percent", 3.0, "saw 3, in force is 2; while the bridge runs it can only be made smaller"),
        (
            "max_daily_trades",
            11.0,
            "saw 11, in force is 10; while the bridge runs it can only be made smaller",
        ),
        (
            "slippage_reserve_points",
            5.0,
            "saw 5, in force is 10; while the bridge runs it can only be made larger",
        ),
        (
            "require_stop_loss",
            False,
            "saw false, in force is true; while the bridge runs it can only be made true",
        ),
        (
            "signal_max_age_s",
            60.0,
            "saw 60, in force is 5; while the bridge runs it can only be made smaller",
        ),
        ("max_risk_percent", 0.0, "saw 0, accepts a number above 0, at most 100"),
        ("max_risk_percent", True, "saw true, accepts a number above 0, at most 100"),
        ("max_daily_trades", 2.5, "saw 2.5, accepts a whole number from 0 to 100000"),
        ("max_daily_trades", -1.0, "saw -1, accepts a whole number from 0 to 100000"),
        ("max_open_positions", 0.0, "saw 0, accepts a whole number of at least 1"),
        ("max_volume", math.nan, "saw nan, accepts a number above 0"),
        ("max_volume", math.inf, "saw inf, accepts a number above 0"),
        ("trading_enabled", 0.0, "saw 0, accepts true or false"),
    ],
)
def test_a_value_that_is_looser_or_impossible_is_refused_in_words(
    name: str, value: bool | float, words: str
) -> None:
    limits = replace(LIMITS, slippage_reserve_points=10.0, signal_max_age_ms=5_000)
    assert f"{name.upper()}: {words}" == refusal(name, value, limits)


def test_trading_that_is_off_is_not_switched_on_from_afar() -> None:
    words = "TRADING_ENABLED: saw true, in force is false; while the bridge runs it can only be made false"
    assert words == refusal("trading_enabled", True, replace(LIMITS, trading_enabled=False))


@pytest.mark.parametrize("name", ["max_risk", "symbols", "emergency_stop", "cooldown_minutes", ""])
def test_a_name_that_cannot_be_tightened_is_refused_with_those_that_can(name: str) -> None:
    refused = ask((name, 1.0), ("max_lots", 1.0))
    assert isinstance(refused, Refused)
    first, second, known = refused.reasons
    words = "no limit that can be made stricter while the bridge runs"
    assert (f"{name!r}: {words}", f"'max_lots': {words}") == (first, second)
    assert [limit.upper() for limit in RULES] == known.removeprefix("those that can: ").split(", ")


def test_a_name_is_shown_cut_short_and_harmless() -> None:
    refused = ask(("\x1b[31m\u202e" + "x" * 500, 1.0))
    assert isinstance(refused, Refused)
    reason = refused.reasons[0]
    assert reason.isprintable()
    assert reason.partition(":")[0].endswith("x'...")
    assert len(reason.partition(":")[0]) < NAME_CHARS_SHOWN + 20


def test_one_that_is_refused_refuses_all_and_each_refused_one_is_named() -> None:
    refused = ask(("max_risk_percent", 1.0), ("max_daily_trades", 99.0), ("max_lots", 1.0))
    assert isinstance(refused, Refused)
    assert ["MAX_DAILY_TRADES", "'max_lots'", "those that can"] == [
        reason.partition(":")[0] for reason in refused.reasons
    ]


def test_a_limit_named_twice_is_refused_because_nobody_knows_which_is_meant() -> None:
    refused = ask(("max_risk_percent", 1.0), ("max_risk_percent", 1.5))
    assert Refused(("MAX_RISK_PERCENT: is named twice; name it once",)) == refused


# What is accepted


def test_what_is_stricter_becomes_one_event() -> None:
    events = ask(("max_risk_percent", 1.0), ("trading_enabled", False), ("max_volume", 0.5))
    changes = (("max_risk_percent", 1.0), ("trading_enabled", 0.0), ("max_volume", 0.5))
    assert (LimitsTightened(changes, "wild market", BACKEND, NOW),) == events
    assert [float] * 3 == [type(value) for _, value in events[0].limits]


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if getattr(LIMITS, rule.field) is None]
)
def test_a_limit_that_was_off_takes_any_possible_value(name: str) -> None:
    (event,) = ask((name, 100.0))
    assert 100 == getattr(in_force(LIMITS, dict(event.limits)), RULES[name].field)


def test_what_is_as_strict_already_changes_nothing_and_is_no_error() -> None:
    assert () == ask(("max_risk_percent", 2.0), ("max_daily_trades", 10.0), ("trading_enabled", True))
    (event,) = ask(("max_risk_percent", 2.0), ("max_daily_trades", 9.0))
    assert (("max_daily_trades", 9.0),) == event.limits


def test_settings_in_seconds_bind_in_milliseconds() -> None:
    (event,) = ask(("signal_max_age_s", 1.5), ("duplicate_window_s", 30.0))
    limits = in_force(LIMITS, dict(event.limits))
    assert (1_500, 30_000) == (limits.signal_max_age_ms, limits.duplicate_window_ms)
    assert 1_001 == in_force(LIMITS, {"signal_max_age_s": 1.0006}).signal_max_age_ms
    assert isinstance(limits.signal_max_age_ms, int)


@pytest.mark.parametrize("name", RULES)
def test_every_limit_goes_one_way_only(name: str) -> None:
    """Of two values, the one that was accepted after the other is refused before it."""
    rule = RULES[name]
    loose, strict = (True, False) if rule.lower else (False, True)
    if rule.kind is not bool:
        loose, strict = (50.0, 20.0) if rule.lower else (20.0, 50.0)
    begun = replace(LIMITS, **{rule.field: rule.to_limit(loose)})
    (event,) = ask((name, strict), of=begun)
    now = in_force(begun, dict(event.limits))
    assert rule.to_limit(strict) == getattr(now, rule.field)
    assert f"{name.upper()}: saw" in refusal(name, loose, now)
    assert [rule.field] == [f.name for f in fields(now) if getattr(now, f.name) != getattr(begun, f.name)]


# What is in force


def test_the_stricter_of_settings_and_tightening_is_in_force() -> None:
    tightened = {"max_risk_percent": 1.0, "max_daily_trades": 20.0, "min_margin_level_percent": 150.0}
    limits = in_force(replace(LIMITS, min_margin_level_percent=200.0), tightened)
    assert (1.0, 10, 200.0) == (
        limits.max_risk_percent,
        limits.max_daily_trades,
        limits.min_margin_level_percent,
    )


def test_a_name_that_this_version_does_not_know_changes_nothing() -> None:
    assert replace(LIMITS, max_risk_percent=1.0) == in_force(
        LIMITS, {"max_lots_per_day": 1.0, "max_risk_percent": 1.0}
    )


names = st.sampled_from([*RULES, "max_lots"])
values = st.one_of(st.booleans(), st.floats(), st.integers(-3, 200).map(float))


@given(st.lists(st.lists(st.tuples(names, values), max_size=4), max_size=6))
def test_whatever_is_asked_for_no_limit_ever_gets_looser(asked: list[list[tuple[str, bool | float]]]) -> None:
    state, limits = EngineState(), LIMITS
    for one in asked:
        verdict = tighten(limits, request(*one), NOW)
        for event in () if isinstance(verdict, Refused) else verdict:
            apply(state, event)
        after = in_force(LIMITS, state.tightened)
        for rule in RULES.values():
            before, now = getattr(limits, rule.field), getattr(after, rule.field)
            if before is None:
                continue
            assert now is not None
            assert now <= before if rule.lower else now >= before
        if isinstance(verdict, tuple):
            for name, value in one:
                assert RULES[name].to_limit(value) == getattr(after, RULES[name].field)
        limits = after


# Taking it back


def test_a_person_here_takes_every_tightening_back() -> None:
    (event,) = ask(("max_risk_percent", 1.0))
    state = state_after(event)
    (restored,) = restore(state, LimitsRestoreRequested("calm", HERE, NOW + 10), NOW + 20)
    assert LimitsRestored("calm", HERE, NOW + 20) == restored
    apply(state, restored)
    assert ({}, {}) == (state.tightened, state.tightenings)


@pytest.mark.parametrize("channel", [Channel.REDPANDA, Channel.WEBSOCKET])
def test_nobody_else_does(channel: Channel) -> None:
    state = state_after(*ask(("max_risk_percent", 1.0)))
    refused = restore(state, LimitsRestoreRequested("calm", Source(channel), NOW + 10), NOW + 20)
    assert isinstance(refused, Refused)
    assert "type `hybrid-bridge limits --restore` on the trading PC" in refused.reasons[0]


@pytest.mark.parametrize("typed_msc", [NOW - 1, NOW])
def test_a_restore_typed_before_the_latest_tightening_does_not_undo_it(typed_msc: int) -> None:
    early = LimitsTightened((("max_volume", 1.0),), "", HERE, NOW - 10)
    state = state_after(early, *ask(("max_risk_percent", 1.0)))
    refused = restore(state, LimitsRestoreRequested("calm", HERE, typed_msc), NOW + 20)
    assert isinstance(refused, Refused)
    assert "tightened after it was typed" in refused.reasons[0]


def test_a_clock_set_back_does_not_lock_the_limits_for_ever() -> None:
    state = state_after(*ask(("max_risk_percent", 1.0)))
    hour_ago = NOW - 3_600_000
    events = restore(state, LimitsRestoreRequested("calm", HERE, hour_ago), hour_ago + 10)
    assert (LimitsRestored("calm", HERE, hour_ago + 10),) == events


def test_nothing_is_restored_where_nothing_was_tightened() -> None:
    assert () == restore(EngineState(), LimitsRestoreRequested("calm", HERE, NOW), NOW)


def test_the_state_remembers_who_tightened_what_last() -> None:
    first = LimitsTightened((("max_risk_percent", 1.0), ("max_volume", 2.0)), "a", BACKEND, NOW)
    second = LimitsTightened((("max_risk_percent", 0.5),), "b", HERE, NOW + 1)
    state = state_after(first, second)
    assert {"max_risk_percent": 0.5, "max_volume": 2.0} == state.tightened
    assert {"max_risk_percent": second, "max_volume": first} == state.tightenings


def test_a_restore_in_the_instant_of_the_tightening_does_not_undo_it() -> None:
    state = state_after(*ask(("max_risk_percent", 1.0)))
    refused = restore(state, LimitsRestoreRequested("calm", HERE, NOW), NOW)
    words = "restore_limits: limits were tightened after it was typed; look, and type it again"
    assert Refused((words,)) == refused


def test_a_restore_from_afar_is_told_who_may() -> None:
    refused = restore(state_after(), LimitsRestoreRequested("calm", BACKEND, NOW), NOW)
    who = "limits are made looser by a person at the trading PC only"
    mend = "type `hybrid-bridge limits --restore` on the trading PC"
    assert Refused((f"restore_limits: {who}; {mend}",)) == refused


def test_a_part_of_a_percent_stays_a_part() -> None:
    (event,) = ask(("max_risk_percent", 0.5), ("max_volume", 0.25))
    limits = in_force(LIMITS, state_after(event).tightened)
    assert (0.5, 0.25) == (limits.max_risk_percent, limits.max_volume)


def test_a_name_as_long_as_can_be_shown_is_not_cut() -> None:
    assert repr("x" * NAME_CHARS_SHOWN) == shown_name("x" * NAME_CHARS_SHOWN)
    assert repr("x" * NAME_CHARS_SHOWN) + "..." == shown_name("x" * (NAME_CHARS_SHOWN + 1))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("require_stop_loss", 1.0, "true"),
        ("trading_enabled", 0.0, "false"),
        ("max_volume", 0.25, "0.25"),
        ("of another version", 1.0, "1"),
    ],
)
def test_a_switch_is_shown_as_one(name: str, value: float, shown: str) -> None:
    assert shown == shown_setting(name, value)


# The table and the settings


@pytest.mark.parametrize("name", RULES)
def test_a_limit_accepts_what_its_setting_accepts(name: str) -> None:
    assert accepted(SCHEMAS[name]).removesuffix(", or nothing to leave it off") == RULES[name].accepted


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.kind is not bool])
def test_the_ends_of_a_range_belong_to_it_where_the_setting_s_do(name: str) -> None:
    def takes(value: float) -> bool:
        with contextlib.suppress(ValidationError):
            Settings(**{name: value})
            return True
        return False

    rule, step = RULES[name], 1.0 if RULES[name].whole else 1e-6
    for end in (rule.above, rule.least, rule.most):
        if end is not None:
            near = (end - step, end, end + step)
            assert [takes(value) for value in near] == [rule.accepts(value) for value in near]


@pytest.mark.parametrize("name", RULES)
def test_the_same_is_not_stricter(name: str) -> None:
    assert not is_stricter(RULES[name], 1.0, 1.0)


@pytest.mark.parametrize("name", RULES)
def test_a_limit_has_the_kind_that_limits_have(name: str) -> None:
    (field,) = (field for field in fields(Limits) if field.name == RULES[name].field)
    assert RULES[name].kind.__name__ in str(field.type)


def test_every_setting_that_only_limits_can_be_tightened() -> None:
    others = {
        *("login", "server", "terminal_path", "symbols", "magic"),
        *("emergency_stop", "close_positions_on_stop", "allow_remote_resume"),
        *("reduce_oversized", "cooldown_ms", "flatten_on_breach", "breach_readings"),
    }
    assert {field.name for field in fields(Limits)} - others == {rule.field for rule in RULES.values()}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "off"), (True, "true"), (False, "false"), (3, "3"), (2.0, "2"), (0.25, "0.25"), (1e6, "1000000")],
)
def test_a_value_is_shown_as_one_would_write_it(value: Any, shown: str) -> None:
    assert shown == shown_value(value)
