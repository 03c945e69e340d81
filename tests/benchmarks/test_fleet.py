"""A fleet of simulated bridges on the embedded broker, asked as scripts/scale asks it."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from scripts.scaling.processes import FleetProcess, SignalSender
from scripts.scaling.run import merged
from tests.streams.support import EmbeddedBroker

RUN = "fleet"
BRIDGES = 3
ORDER = {"ticks_per_s": 40.0, "beats_per_s": 10.0, "settle_s": 0.5, "seconds": 1.5}
SIGNALS_PER_S = 4.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked in Linux' way")


@pytest.fixture
async def address() -> AsyncIterator[str]:
    broker = EmbeddedBroker()
    await broker.start()
    yield broker.address
    await broker.stop()


async def test_bridges_publish_their_ticks_and_take_their_own_signals(address: str) -> None:
    where = ("--bootstrap", address, "--run", RUN, "--layout", "own")
    async with FleetProcess((*where, "--first", "0", "--count", str(BRIDGES))) as fleet:
        with SignalSender(address, RUN, "own", BRIDGES) as sender:
            lasts_s = ORDER["settle_s"] + ORDER["seconds"]
            report, sent = await asyncio.gather(fleet.ask(ORDER), sender.send(SIGNALS_PER_S, lasts_s))
    seen = merged([report])
    assert SIGNALS_PER_S * BRIDGES * lasts_s == pytest.approx(sent, abs=1)
    assert 0 < seen["signals"] <= sent
    assert 0 == seen["failures"]
    assert 0 < seen["publishes"] <= BRIDGES * ORDER["beats_per_s"] * 1.5
    assert seen["ticks"] > seen["publishes"]
    assert seen["batch_bytes"] > 20 * seen["ticks"]
    assert seen["wire_total"] > seen["wire_sent"] > seen["batch_bytes"]
    assert seen["connections"] >= 3 * BRIDGES
    assert 0 < seen["beat_ms_p50"] <= seen["beat_ms_p99"]
