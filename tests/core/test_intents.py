"""What was asked for becomes an intent: its number, its deadline, and what only the position tells."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    NOW,
    SOURCE,
    make_cancel,
    make_close,
    make_limits,
    make_modify,
    make_position,
    make_signal,
    make_state,
)

from hybrid_bridge.core.intents import COMMAND_MAX_AGE_MS, complete, make_intent
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Intent, IntentKind

MINUTE = COMMAND_MAX_AGE_MS


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_signal, IntentKind.ENTRY),
        (make_close, IntentKind.CLOSE),
        (make_modify, IntentKind.MODIFY),
        (make_cancel, IntentKind.CANCEL),
    ],
)
def test_an_intent_takes_the_next_number_and_its_kind(make: Any, kind: IntentKind) -> None:
    intent = make_intent(make_state(next_number=77), make_limits(), make())

    assert (intent.number, intent.kind) == (77, kind)


@pytest.mark.parametrize("make", [make_close, make_modify])
def test_a_command_lives_a_minute_from_when_it_was_made(make: Any) -> None:
    written = make_intent(make_state(), make_limits(), make(created_msc=NOW - 9_000))
    arrived = make_intent(make_state(), make_limits(), make())

    assert (written.created_msc, written.expires_msc) == (NOW - 9_000, NOW - 9_000 + MINUTE)
    assert (arrived.created_msc, arrived.expires_msc) == (NOW, NOW + MINUTE)


def test_a_cancellation_lives_a_minute_from_its_arrival() -> None:
    assert make_intent(make_state(), make_limits(), make_cancel()).expires_msc == NOW + MINUTE


def test_the_position_completes_a_command_and_keeps_the_stops_that_were_not_named() -> None:
    wanted = make_modify(stop_loss=None, take_profit=1.13)
    intent = make_intent(make_state(), make_limits(), wanted)
    sell = make_position(symbol="GBPUSD", side=Side.SELL, stop_loss=1.2)

    done = complete(intent, wanted, sell)

    assert (done.symbol, done.side, done.stop_loss, done.take_profit) == ("GBPUSD", Side.SELL, 1.2, 1.13)
    assert complete(intent, wanted, None) == intent


def test_an_entry_keeps_the_volume_that_was_asked_for() -> None:
    for volume in (None, 0.25):
        assert make_intent(make_state(), make_limits(), make_signal(volume=volume)).volume == volume


@pytest.mark.parametrize(
    ("wanted", "kind", "volume"),
    [
        (make_close(volume=0.2), IntentKind.CLOSE, 0.2),
        (make_close(), IntentKind.CLOSE, None),
        (make_modify(), IntentKind.MODIFY, None),
        (make_cancel(ticket=500), IntentKind.CANCEL, None),
    ],
)
def test_a_command_s_intent_knows_what_was_asked_and_nothing_else(
    wanted: Any, kind: IntentKind, volume: float | None
) -> None:
    assert make_intent(make_state(), make_limits(), replace(wanted, received_msc=NOW + 3)) == Intent(
        number=1,
        kind=kind,
        signal_id=wanted.command_id,
        source=SOURCE,
        symbol="",
        side=None,
        volume=volume,
        stop_loss=0.0,
        take_profit=0.0,
        price=None,
        ticket=500,
        comment="",
        received_msc=NOW + 3,
        created_msc=NOW + 3,
        expires_msc=NOW + 3 + MINUTE,
    )
