"""The trade server's clock: how far it is from UTC, and whether this PC's is right.

Owns the looks at fresh ticks; what they prove is decided by `clock`. Called by `inspection`.
"""

from hybrid_bridge.findings import Finding, Verdict, well, wrong
from hybrid_bridge.ports import Clock
from hybrid_bridge.settings import TerminalSettings
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.diagnosis.asking import Asked
from hybrid_bridge.terminal.diagnosis.faults import fault
from hybrid_bridge.terminal.operations import NEWEST_TICKS, Nothing

STEP = "server's clock"
LOOK_EVERY_S = 0.25
PATIENCE_S = 6.0
# What a tick's way and the looks add; more than this is the clocks.
APART_S_MAX = 2.0


async def look_at_clock(
    asked: Asked, settings: TerminalSettings, clock: Clock, patience_s: float = PATIENCE_S
) -> Finding:
    """Watch fresh ticks until they tell the offset.

    Raises:
        LaneError, Silent: when the terminal cannot be asked.
    """
    server_clock, apart_s = ServerClock(), 0.0
    until_s = clock.monotonic() + patience_s
    while server_clock.offset_s is None and clock.monotonic() < until_s:
        newest = (await asked.ask(NEWEST_TICKS, Nothing())).newest
        utc_msc = clock.utc_msc()
        server_clock.observe(newest, utc_msc)
        if newest and server_clock.offset_s is not None:
            apart_s = (max(newest.values()) - utc_msc) / 1000 - server_clock.offset_s
        await clock.sleep(LOOK_EVERY_S)
    return _judge(server_clock.offset_s, settings.server_utc_offset_s, apart_s, patience_s)


def _judge(offset_s: int | None, expected_s: int | None, apart_s: float, patience_s: float) -> Finding:
    if offset_s is None:
        doubt = fault("offset_unknown", f"within {patience_s:g} s")
        return Finding(STEP, Verdict.NOTE, str(doubt), doubt)
    seen = f"UTC{_hours(offset_s)}"
    if expected_s is not None and expected_s != offset_s:
        found = f"it is {seen}, the setting says UTC{_hours(expected_s)}"
        return wrong(STEP, fault("offset_wrong", found, offset_s=offset_s))
    if abs(apart_s) > APART_S_MAX:
        found = f"the server's is {'ahead' if apart_s > 0 else 'behind'}"
        return wrong(STEP, fault("clock_apart", found, apart_s=abs(apart_s)))
    return well(STEP, f"{seen}, {abs(apart_s):.1f} s from this PC's")


def _hours(offset_s: int) -> str:
    sign = "-" if offset_s < 0 else "+"
    hours, rest = divmod(abs(offset_s), 3600)
    return f"{sign}{hours}:{rest // 60:02}"
