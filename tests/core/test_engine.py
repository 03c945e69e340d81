"""What follows from a signal or command, before the terminal is asked and on its facts."""

from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    MAGIC_BASE,
    NOW,
    SOURCE,
    make_cancel,
    make_close,
    make_intent,
    make_limits,
    make_modify,
    make_order,
    make_report,
    make_signal,
    make_state,
    state_with,
)
from tests.core.engine_machine import EngineMachine
from tests.core.examples import examples, marks
from tests.core.judging import appraised, denials_of, kinds, request_of

from hybrid_bridge.core import engine
from hybrid_bridge.core.appraisal import account_only
from hybrid_bridge.core.events import (
    Denial,
    DuplicateReceived,
    IntentDenied,
    IntentExpired,
    IntentReceived,
    OrderSending,
)
from hybrid_bridge.core.requests import make_magic

# Signals before the terminal is asked


def test_a_signal_with_nothing_against_it_waits_for_its_appraisal() -> None:
    assert engine.receive(make_state(), make_limits(), make_signal(), NOW) == ()


def test_a_signal_that_the_screen_denies_ends_without_the_terminal() -> None:
    events = engine.receive(make_state(), make_limits(trading_enabled=False), make_signal(), NOW)

    assert kinds(events) == ["IntentReceived", "IntentDenied"]
    assert denials_of(events) == ["trading_enabled"]


@pytest.mark.parametrize(
    ("signal", "now", "expected"),
    [
        ({}, NOW + 5_000, []),
        ({}, NOW + 5_001, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": NOW - 5_000}, NOW, []),
        ({"timestamp_msc": NOW - 5_001}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": 0}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": -(10**13)}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"expires_msc": NOW + 100}, NOW + 100, []),
        ({"expires_msc": NOW + 100}, NOW + 101, ["IntentReceived", "IntentExpired"]),
        # A sender cannot lengthen the life that the trader allows.
        ({"expires_msc": NOW + 60_000}, NOW + 5_001, ["IntentReceived", "IntentExpired"]),
        ({"expires_msc": NOW - 1}, NOW, ["IntentReceived", "IntentExpired"]),
        ({"timestamp_msc": NOW + 2_000}, NOW, []),
        ({"timestamp_msc": NOW + 2_001}, NOW, ["IntentReceived", "IntentDenied"]),
        ({"timestamp_msc": 10**15}, NOW, ["IntentReceived", "IntentDenied"]),
    ],
)
def test_a_signal_lives_as_long_as_sender_and_trader_both_allow(
    signal: dict[str, Any], now: int, expected: list[str]
) -> None:
    assert kinds(engine.receive(make_state(), make_limits(), make_signal(**signal), now)) == expected


def test_a_signal_from_the_future_is_denied_by_name() -> None:
    events = engine.receive(make_state(), make_limits(), make_signal(timestamp_msc=NOW + 9_000), NOW)

    assert denials_of(events) == ["expiry"]


def test_expiry_is_judged_again_on_the_appraisal() -> None:
    assert kinds(appraised(make_signal(), now_msc=NOW + 5_000)) == [
        "IntentReceived",
        "OrderApproved",
        "OrderSending",
    ]
    assert kinds(appraised(make_signal(), now_msc=NOW + 5_001)) == ["IntentReceived", "IntentExpired"]


@pytest.mark.parametrize(("payload", "conflict"), [("h-1", False), ("other", True)])
def test_an_id_that_came_before_is_a_duplicate_whatever_became_of_it(payload: str, conflict: bool) -> None:
    state = state_with(make_order(make_intent()))
    again = make_signal(payload_hash=payload)

    expected = (DuplicateReceived(1, "s-1", conflict, SOURCE, NOW + 90_000),)
    assert engine.receive(state, make_limits(), again, NOW + 90_000) == expected
    assert appraised(again, state, now_msc=NOW + 90_000) == expected


def test_a_command_shares_the_ids_of_signals() -> None:
    state = state_with(make_order(make_intent()))

    (event,) = engine.receive(state, make_limits(), make_close(command_id="s-1"), NOW)

    assert isinstance(event, DuplicateReceived)
    assert event.conflict


# Signals on the terminal's facts


def test_a_sound_signal_is_approved_and_sent_in_one_decision() -> None:
    events = appraised(make_signal())

    assert kinds(events) == ["IntentReceived", "OrderApproved", "OrderSending"]
    assert request_of(events).magic == make_magic(MAGIC_BASE, 1)
    assert events[-1] == OrderSending(1, DAY, NOW)


def test_the_intent_keeps_the_signal_as_it_came() -> None:
    signal = make_signal(volume=None, take_profit=1.2, price=1.1, comment="ai", timestamp_msc=NOW - 10)

    received = appraised(signal, make_state(next_number=9))[0]

    assert received == IntentReceived(
        make_intent(
            9,
            signal_id="s-1",
            volume=None,
            take_profit=1.2,
            price=1.1,
            comment="ai",
            created_msc=NOW - 10,
            expires_msc=NOW + 4_990,
        ),
        "h-1",
    )


def test_a_terminal_that_does_not_answer_denies() -> None:
    for wanted in (make_signal(), make_close(), make_modify(), make_cancel()):
        events = appraised(wanted, facts=None)

        assert kinds(events) == ["IntentReceived", "IntentDenied"]
        assert denials_of(events) == ["account"]


def test_facts_without_the_symbol_deny() -> None:
    assert "symbol_allowed" in denials_of(appraised(make_signal(), facts=account_only(make_report())))


# The bridge's own no


def test_a_closed_bridge_denies_with_its_reason() -> None:
    why = Denial("trading_state", "a running bridge", "stopping", "")

    events = engine.refuse(make_state(), make_limits(), make_close(), why, NOW)

    assert kinds(events) == ["IntentReceived", "IntentDenied"]
    assert events[1] == IntentDenied(1, (why,), NOW)


def test_a_closed_bridge_still_knows_duplicates_and_what_is_late() -> None:
    why = Denial("trading_state", "a running bridge", "stopping", "")
    state = state_with(make_order(make_intent()))

    assert kinds(engine.refuse(state, make_limits(), make_signal(), why, NOW)) == ["DuplicateReceived"]
    late = engine.refuse(make_state(), make_limits(), make_signal(), why, NOW + 9_000)
    assert kinds(late) == ["IntentReceived", "IntentExpired"]


def test_late_is_told_with_how_late() -> None:
    late = engine.receive(make_state(), make_limits(), make_signal(), NOW + 5_250)[1]

    assert late == IntentExpired(1, "250 ms too late by this PC's clock", NOW + 5_250)


class TestTheEngineUnderAnyOrderOfInputs(EngineMachine.TestCase):  # type: ignore[misc, name-defined]
    """Runs the machine; its rules and invariants are the tests.

    ENGINE_EXAMPLES=5000 in the environment tries other, and more, runs than the suite does.
    """

    pytestmark = marks("ENGINE_EXAMPLES")
    settings = examples("ENGINE_EXAMPLES", 200, stateful_step_count=40)
