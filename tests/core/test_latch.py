"""Stops and resumes in any order: nothing weakens a stop but a person's resume."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import NOW, SOURCE, fold, make_limits, make_state

from hybrid_bridge.core import engine
from hybrid_bridge.core.events import AccountCleared, Denial, TradingState, TradingStateChanged
from hybrid_bridge.core.inputs import EmergencyStopRequested, ResumeRequested
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.core.state import Clearing, EngineState

LOCAL = Source(Channel.LOCAL)


def test_a_stop_latches_once() -> None:
    request = EmergencyStopRequested("panic", None, True, SOURCE, NOW)

    events = engine.stop(make_state(), make_limits(), request)

    assert events == (
        TradingStateChanged(TradingState.HALTED, "panic", SOURCE, True, NOW, cancel_orders=True),
    )
    assert engine.stop(fold(make_state(), events), make_limits(), request) == ()


def test_a_stop_on_a_halted_bridge_still_latches_the_emergency() -> None:
    halted = make_state(trading=TradingState.HALTED)

    assert (
        len(engine.stop(halted, make_limits(), EmergencyStopRequested("panic", None, True, SOURCE, NOW))) == 1
    )


@pytest.mark.parametrize(
    ("source", "limits", "lifted"),
    [
        (LOCAL, {}, True),
        (SOURCE, {}, False),
        (Source(Channel.REDPANDA), {}, False),
        (SOURCE, {"allow_remote_resume": True}, True),
        (LOCAL, {"emergency_stop": True}, False),
        (SOURCE, {"allow_remote_resume": True, "emergency_stop": True}, False),
    ],
)
def test_a_halt_is_lifted_by_a_person_or_where_the_trader_permits_it(
    source: Source, limits: dict[str, Any], lifted: bool
) -> None:
    state = make_state(trading=TradingState.HALTED, emergency=True)

    verdict = engine.resume(state, make_limits(**limits), ResumeRequested("checked", source, NOW), NOW)

    if lifted:
        assert verdict == (TradingStateChanged(TradingState.ACTIVE, "checked", source, False, NOW),)
    else:
        assert isinstance(verdict, Denial)
        assert verdict.check == "resume"


def test_a_resume_from_before_the_halt_does_not_undo_it() -> None:
    stopped = fold(
        make_state(),
        engine.stop(make_state(), make_limits(), EmergencyStopRequested("s", None, True, SOURCE, NOW)),
    )

    early = engine.resume(stopped, make_limits(), ResumeRequested("go", LOCAL, NOW), NOW + 9)
    late = engine.resume(stopped, make_limits(), ResumeRequested("go", LOCAL, NOW + 1), NOW + 9)

    assert isinstance(early, Denial)
    assert not isinstance(late, Denial)


def test_a_resume_is_undone_by_every_stop_that_came_after_it() -> None:
    # Stops overtake what waits: stop, resume, stop may arrive as stop, stop, resume.
    state = make_state()
    for at in (NOW, NOW + 5):
        fold(state, engine.stop(state, make_limits(), EmergencyStopRequested("s", None, True, SOURCE, at)))

    between = engine.resume(state, make_limits(), ResumeRequested("go", LOCAL, NOW + 3), NOW + 9)

    assert isinstance(between, Denial)
    assert state.emergency


def test_resuming_what_is_active_changes_nothing() -> None:
    assert engine.resume(make_state(), make_limits(), ResumeRequested("", LOCAL, NOW), NOW) == ()


# What a stop leaves to be done

READ = Source(Channel.REDPANDA, "trading_signals", 0, 41, NOW)


def wants(close: bool | None = None, cancel: bool = False, **changes: Any) -> EmergencyStopRequested:
    return replace(EmergencyStopRequested("panic", close, cancel, SOURCE, NOW), **changes)


def after(*requests: EmergencyStopRequested, **limits: Any) -> EngineState:
    state = make_state()
    for request in requests:
        fold(state, engine.stop(state, make_limits(**limits), request))
    return state


@pytest.mark.parametrize(
    ("asked", "configured", "closes"),
    [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
)
def test_a_stop_closes_as_it_asks_and_else_as_configured(
    asked: bool | None, configured: bool, closes: bool
) -> None:
    clearing = after(wants(asked), close_positions_on_stop=configured).clearing

    assert clearing == (Clearing(NOW, close_positions=True, cancel_orders=False) if closes else None)


@pytest.mark.parametrize("at", [NOW - 5, NOW, NOW + 5])
def test_a_second_stop_that_asks_for_more_takes_effect_whenever_it_was_received(at: int) -> None:
    state = after(wants(cancel=True), wants(True, received_msc=at))

    assert state.clearing == Clearing(max(at, NOW), close_positions=True, cancel_orders=True)


def test_a_second_stop_that_asks_for_less_takes_nothing_back() -> None:
    state = after(wants(True, cancel=True), wants(False, received_msc=NOW + 5))

    assert state.clearing == Clearing(NOW, close_positions=True, cancel_orders=True)
    assert state.latched_msc == NOW + 5


def test_a_second_stop_from_the_same_instant_that_asks_for_no_more_is_no_news() -> None:
    for again in (wants(cancel=True), wants(False), wants(cancel=True, received_msc=NOW - 9)):
        assert engine.stop(after(wants(cancel=True)), make_limits(), again) == ()


def test_a_stop_after_the_account_was_cleared_does_what_it_asks_for_and_no_more() -> None:
    state = after(wants(True))
    fold(state, [AccountCleared(NOW, NOW + 1)])
    fold(state, engine.stop(state, make_limits(), wants(cancel=True, received_msc=NOW + 9)))

    assert state.clearing == Clearing(NOW + 9, close_positions=False, cancel_orders=True)


def test_after_a_stop_that_asks_for_less_late_entries_are_still_cleared_as_before() -> None:
    state = after(wants(True))
    fold(state, [AccountCleared(NOW, NOW + 1)])
    fold(state, engine.stop(state, make_limits(), wants(cancel=True, received_msc=NOW + 9)))
    late = Clearing(NOW + 9, close_positions=True, cancel_orders=True, late=True)

    fold(state, [AccountCleared(NOW + 9, NOW + 10)])
    assert (state.clearing, state.cleared) == (late, late)

    fold(state, [AccountCleared(NOW + 9, NOW + 11)])
    assert (state.clearing, state.cleared) == (None, late)


def test_a_stop_during_the_clearing_of_late_entries_closes_nothing_of_others() -> None:
    state = after(wants(True))
    fold(state, [AccountCleared(NOW, NOW + 1)])
    state.clearing = state.cleared  # as when an entry has come to light
    fold(state, engine.stop(state, make_limits(), wants(cancel=True, received_msc=NOW + 9)))

    assert state.clearing == Clearing(NOW + 9, close_positions=False, cancel_orders=True)
    assert state.cleared is not None
    assert state.cleared.close_positions


def test_a_stop_that_asks_for_nothing_leaves_the_watch_for_late_entries() -> None:
    state = after(wants(True))
    fold(state, [AccountCleared(NOW, NOW + 1)])
    cleared = state.cleared
    fold(state, engine.stop(state, make_limits(), wants(False, received_msc=NOW + 9)))

    assert cleared is not None
    assert (state.clearing, state.cleared) == (None, cleared)


def test_the_same_record_of_a_topic_stops_once_also_after_a_resume() -> None:
    state = after(wants(source=READ))
    verdict = engine.resume(state, make_limits(), ResumeRequested("go", LOCAL, NOW + 1), NOW + 1)
    assert not isinstance(verdict, Denial)
    fold(state, verdict)

    assert engine.stop(state, make_limits(), wants(source=READ, received_msc=NOW + 90)) == ()
    for other in (replace(READ, offset=42), replace(READ, record_msc=NOW + 5), replace(READ, record_msc=-1)):
        assert len(engine.stop(state, make_limits(), wants(source=other, received_msc=NOW + 90))) == 1


def test_a_record_without_a_time_of_its_own_is_obeyed_again() -> None:
    timeless = replace(READ, record_msc=-1)
    state = after(wants(source=timeless))

    assert len(engine.stop(state, make_limits(), wants(source=timeless, received_msc=NOW + 9))) == 1


def test_a_stop_from_a_topic_is_remembered_even_where_it_changes_nothing_and_moves_nothing_back() -> None:
    state = after(wants(received_msc=NOW + 50), wants(source=READ))

    assert list(state.stops_seen) == [READ]
    assert state.latched_msc == NOW + 50


def test_a_halt_never_weakens_a_stop_nor_ends_its_clearing() -> None:
    state = after(wants(True))

    assert engine.halt(state, "another account", NOW + 5) == ()
    (event,) = engine.halt(make_state(), "another account", NOW)
    assert event == TradingStateChanged(TradingState.HALTED, "another account", LOCAL, False, NOW)


def test_what_is_typed_here_is_obeyed_after_the_pc_s_clock_was_set_back_and_nothing_from_afar() -> None:
    state = after(wants())
    limits = make_limits(allow_remote_resume=True)
    early = NOW - 3_600_000

    assert not isinstance(engine.resume(state, limits, ResumeRequested("go", LOCAL, early), early), Denial)
    for source, now in ((SOURCE, early), (LOCAL, NOW + 1)):
        assert isinstance(engine.resume(state, limits, ResumeRequested("go", source, early), now), Denial)


@pytest.mark.parametrize(
    ("source", "lifted"),
    [
        (replace(READ, offset=40), False),
        (replace(READ, offset=42), True),
        (replace(READ, partition=1, offset=40), True),
        (replace(READ, topic="other", offset=40), True),
        # A topic made anew since: its places begin again, its records are later.
        (replace(READ, offset=40, record_msc=NOW + 1), True),
    ],
)
def test_a_resume_that_stands_before_a_stop_in_its_topic_does_not_undo_it(
    source: Source, lifted: bool
) -> None:
    state = after(wants(source=READ))
    limits = make_limits(allow_remote_resume=True)

    verdict = engine.resume(state, limits, ResumeRequested("go", source, NOW + 9), NOW + 9)

    assert lifted == (not isinstance(verdict, Denial))


def test_a_stop_of_the_same_instant_counts_where_it_asks_for_more() -> None:
    state = fold(
        make_state(),
        engine.stop(make_state(), make_limits(), EmergencyStopRequested("s", True, False, SOURCE, NOW)),
    )

    same = engine.stop(state, make_limits(), EmergencyStopRequested("s", True, False, SOURCE, NOW))
    more = engine.stop(state, make_limits(), EmergencyStopRequested("s", False, True, SOURCE, NOW))

    assert same == ()
    assert fold(state, more).clearing == Clearing(NOW, close_positions=True, cancel_orders=True)
    assert engine.stop(state, make_limits(), EmergencyStopRequested("s", False, True, SOURCE, NOW)) == ()


def test_a_stop_that_asks_for_the_same_again_does_it_again_and_only_once() -> None:
    state = make_state()
    for at in (NOW, NOW + 9):
        fold(state, engine.stop(state, make_limits(), EmergencyStopRequested("s", True, True, SOURCE, at)))
        assert state.clearing == Clearing(at, close_positions=True, cancel_orders=True)
        fold(state, [AccountCleared(at, at + 1)])
        assert state.cleared == Clearing(at, close_positions=True, cancel_orders=True, late=True)


@pytest.mark.parametrize(("record_msc", "again"), [(-1, True), (0, True), (1, False), (NOW, False)])
def test_only_a_record_with_a_time_of_its_own_is_known_again(record_msc: int, again: bool) -> None:
    place = Source(Channel.REDPANDA, "commands", 0, 7, record_msc)
    request = EmergencyStopRequested("s", None, True, place, NOW)
    state = fold(make_state(), engine.stop(make_state(), make_limits(), request))

    assert again == (engine.stop(state, make_limits(), request) != ())


def test_a_resume_of_the_stop_s_own_instant_is_not_from_after_it_even_here() -> None:
    state = make_state(trading=TradingState.HALTED, emergency=True, latched_msc=NOW)

    same = engine.resume(state, make_limits(), ResumeRequested("go", LOCAL, NOW), NOW)
    set_back = engine.resume(state, make_limits(), ResumeRequested("go", LOCAL, NOW - 1), NOW - 1)

    assert isinstance(same, Denial)
    assert set_back == (TradingStateChanged(TradingState.ACTIVE, "go", LOCAL, False, NOW - 1),)
