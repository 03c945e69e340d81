"""Symbols as a broker may have them, each made at a real simulated terminal."""

import pytest
from tests.terminal.diagnosis.looks import keys, looked, settings_for, step

from hybrid_bridge.findings import Verdict


async def test_an_unknown_symbol_comes_with_names_like_it(address):
    found = step(await looked(settings_for(address, symbols="EURUSD.x,ZZZZZZ")), "symbol EURUSD.x")
    assert "the broker has no symbol EURUSD.x" == found.fault.cause
    assert found.fault.mend.startswith("correct SYMBOLS; the broker has EURUSD")


async def test_a_name_that_nothing_is_like(address):
    found = step(await looked(settings_for(address, symbols="ZZZZZZ")), "symbol ZZZZZZ")
    assert found.fault.mend.startswith("correct SYMBOLS; View > Market Watch (Ctrl+M)")


async def test_a_symbol_that_was_not_shown_is_put_there_as_the_bridge_does(started):
    address = started("--symbols", "EURUSD")
    found = step(await looked(settings_for(address, symbols="GBPUSD")), "symbol GBPUSD")
    assert Verdict.OK is found.verdict
    assert found.seen.endswith("lots, put into the Market Watch")
    again = step(await looked(settings_for(address, symbols="GBPUSD")), "symbol GBPUSD")
    assert again.seen.endswith("0.01 to 100 lots")


async def test_a_symbol_that_the_market_watch_refuses(address, control):
    control.fault("error", command="symbol_select", code=-1, times=0)
    found = await looked(settings_for(address, symbols="XAUUSD"))
    assert ["symbol_refused"] == keys(found)
    assert "symbol_select: Terminal: Call failed (-1)" == step(found, "symbol XAUUSD").fault.seen


@pytest.mark.parametrize(
    ("mode", "key"), [("close_only", "symbol_close_only"), ("disabled", "symbol_disabled")]
)
async def test_a_symbol_that_cannot_be_opened(started, mode, key):
    found = await looked(settings_for(started("--trade-mode", f"EURUSD={mode}")))
    assert [key] == keys(found)
    assert (Verdict.SKIPPED, "no symbol has prices and can be traded") == (found[-1].verdict, found[-1].seen)


@pytest.mark.parametrize(("mode", "words"), [("long_only", "bought only"), ("short_only", "sold only")])
async def test_a_symbol_of_one_direction_is_a_note_and_can_be_traded(started, mode, words):
    found = await looked(settings_for(started("--trade-mode", f"EURUSD={mode}")))
    assert (Verdict.NOTE, f"the broker lets EURUSD be {words}") == (
        step(found, "symbol EURUSD").verdict,
        step(found, "symbol EURUSD").fault.cause,
    )
    assert Verdict.OK is step(found, "order_check").verdict


async def test_a_symbol_without_a_price(started):
    # On a Sunday.
    address = started("--enforce-sessions", "--at", "2026-03-01T12:00:00")
    found = await looked(settings_for(address))
    assert ["symbol_no_price", "offset_unknown"] == keys(found)
    assert {Verdict.NOTE} == {one.verdict for one in found if one.fault is not None}
