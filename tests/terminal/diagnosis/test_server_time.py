"""The trade server's clock and this PC's, as fresh ticks of a real simulated terminal tell them."""

from tests.terminal.diagnosis.looks import keys, looked, settings_for, step

from hybrid_bridge.findings import Verdict


async def test_an_offset_that_the_settings_have_right_and_wrong(started):
    address = started("--utc-offset", "-12600")
    right = await looked(settings_for(address, mt5_server_utc_offset="-12600"))
    assert "UTC-3:30" in step(right, "server's clock").seen
    wrong = await looked(settings_for(address, mt5_server_utc_offset="7200"))
    assert ["offset_wrong"] == keys(wrong)
    assert "it is UTC-3:30, the setting says UTC+2:00" == step(wrong, "server's clock").fault.seen
    assert "set MT5_SERVER_UTC_OFFSET=auto, or -12600 until the clock changes" == (
        step(wrong, "server's clock").fault.mend
    )


async def test_a_clock_of_this_pc_that_is_off(started):
    address = started("--faults", "clock_jump:seconds=40")
    found = await looked(settings_for(address))
    assert ["clock_apart"] == keys(found)
    assert "the server's is ahead" == step(found, "server's clock").fault.seen
    assert "Sync now" in step(found, "server's clock").fault.mend


async def test_prices_that_stand_still_tell_nothing(address, control):
    control.fault("freeze_ticks")
    found = step(await looked(settings_for(address)), "server's clock")
    assert (Verdict.NOTE, "offset_unknown", "within 6 s") == (
        found.verdict,
        found.fault.key,
        found.fault.seen,
    )
