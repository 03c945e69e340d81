"""What order_check may say of the smallest order, at a real simulated terminal; nothing is ever sent."""

import pytest
from tests.terminal.diagnosis.looks import keys, looked, settings_for, step

from hybrid_bridge.findings import Verdict
from hybrid_bridge.terminal.diagnosis.rehearsal import ADVICE


async def test_too_little_money_for_the_smallest_order(started):
    found = await looked(settings_for(started("--balance", "1")))
    assert ["order_money"] == keys(found)
    fault = step(found, "order_check").fault
    assert "the account has too little money for the smallest order, 0.01 lots of EURUSD" == fault.cause
    assert "10019 No money, 1.00 free" == fault.seen


async def test_a_closed_market_is_a_note(address, control):
    control.fault("reject", command="order_check", retcode=10018)
    found = step(await looked(settings_for(address)), "order_check")
    assert (Verdict.NOTE, "the market of EURUSD is closed", "10018 Market closed") == (
        found.verdict,
        found.fault.cause,
        found.fault.seen,
    )


@pytest.mark.parametrize(
    ("retcode", "meaning", "mend"),
    [
        (10030, "the symbol does not permit this filling mode", ADVICE),
        (10026, "the broker has disabled automated trading for this account", "ask the broker to enable"),
        (10999, "no reason that is known", ADVICE),
    ],
)
async def test_an_order_that_would_be_refused(address, control, retcode, meaning, mend):
    control.fault("reject", command="order_check", retcode=retcode)
    found = await looked(settings_for(address))
    assert ["order_refused"] == keys(found)
    fault = step(found, "order_check").fault
    assert f"the terminal would refuse the smallest order, 0.01 lots of EURUSD: {meaning}" == fault.cause
    assert fault.mend.startswith(mend)


async def test_the_first_symbol_that_can_be_traded_is_taken(started):
    address = started("--trade-mode", "EURUSD=disabled")
    found = await looked(settings_for(address, symbols="EURUSD,US500"))
    assert "0.1 lots of US500 would be accepted" in step(found, "order_check").seen
