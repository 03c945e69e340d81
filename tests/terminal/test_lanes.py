import asyncio
import contextlib

import pytest
from tests.terminal.support import MODULE, PLAIN, Script, terminal_settings, until

from hybrid_bridge.errors import LaneUnavailable
from hybrid_bridge.terminal import lanes as lanes_module
from hybrid_bridge.terminal.backoff import Backoff
from hybrid_bridge.terminal.lane import Lane, LaneOptions
from hybrid_bridge.terminal.lanes import SHARE_AFTER_FAILURES, Lanes, lane_options
from hybrid_bridge.terminal.operations import REPORT, SUBMIT, SubmitArgs

CLOSE = SubmitArgs(1, "EURUSD", 0.1, 1.1, 0.0, 0.0, 10, 1, 1, 0, 42, 0, 5, "")


@contextlib.asynccontextmanager
async def running(monkeypatch, market: Script, trade: Script):
    """Both lanes, each with a scripted terminal of its own."""
    scripts = {"market": market, "trade": trade}

    def options(name, settings):
        return LaneOptions(name, MODULE, settings, scripts[name].environment)

    def lane(options, **keywords):
        return Lane(options, backoff=Backoff(0.02, 0.05), **keywords)

    monkeypatch.setattr(lanes_module, "lane_options", options)
    monkeypatch.setattr(lanes_module, "Lane", lane)
    lanes = Lanes(terminal_settings())
    task = asyncio.create_task(lanes.run())
    try:
        yield lanes
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def scripts(tmp_path):
    return Script(tmp_path / "market.json"), Script(tmp_path / "trade.json")


async def test_each_kind_of_work_has_its_own_lane(monkeypatch, scripts):
    async with running(monkeypatch, *scripts) as lanes, asyncio.timeout(10):
        await lanes.wait_ready()
        assert lanes.for_market() is lanes.market
        assert lanes.for_orders() is lanes.trade
        await asyncio.gather(lanes.market.wait_ready(), lanes.trade.wait_ready())
        status = lanes.status()
        assert not status["shared"]
        assert [status[name]["phase"] for name in ("market", "trade")] == ["ready", "ready"]
        assert status["market"]["pid"] != status["trade"]["pid"]
        assert lanes.connects == 2


@pytest.mark.parametrize("broken", ["market", "trade"])
async def test_when_one_cannot_connect_both_share_the_other_until_it_can(monkeypatch, scripts, broken):
    script = scripts[0] if broken == "market" else scripts[1]
    script.say(errors={"initialize": [-10003, "IPC initialize failed"]})
    async with running(monkeypatch, *scripts) as lanes, asyncio.timeout(10):
        await lanes.wait_ready()
        sound = lanes.trade if broken == "market" else lanes.market
        assert lanes.for_orders() is lanes.for_market() is sound
        assert lanes.status()["shared"]
        await lanes.for_orders().call(REPORT, PLAIN)
        script.say(errors=None)
        await until(lambda: not lanes.shared)
        assert lanes.for_market() is lanes.market
        assert lanes.for_orders() is lanes.trade


async def test_one_failure_is_not_a_reason_to_share(monkeypatch, scripts):
    scripts[1].say(errors={"initialize": [-10003, "IPC initialize failed"]})
    async with running(monkeypatch, *scripts) as lanes, asyncio.timeout(10):
        shared_after = None
        while shared_after is None:
            await asyncio.sleep(0)
            if lanes.shared:
                shared_after = lanes.trade.connect_failures
        assert shared_after >= SHARE_AFTER_FAILURES


async def test_with_neither_connected_orders_are_turned_away_by_their_own_lane(monkeypatch, scripts):
    for script in scripts:
        script.say(errors={"initialize": [-6, "Terminal: Authorization failed"]})
    async with running(monkeypatch, *scripts) as lanes:
        await until(lambda: min(lanes.trade.connect_failures, lanes.market.connect_failures) > 3)
        assert lanes.for_orders() is lanes.trade
        assert not lanes.shared
        with pytest.raises(LaneUnavailable, match="MT5_PASSWORD"):
            await lanes.for_orders().call(SUBMIT, CLOSE)


def test_the_backend_decides_the_module():
    real = lane_options("trade", terminal_settings())
    assert (real.name, real.module, real.environment) == ("trade", "MetaTrader5", {})
    simulated = lane_options("market", terminal_settings(simulation_mode=True, sim_address="127.0.0.1:5"))
    assert simulated.module == "hybrid_bridge.simulator.module"
    assert simulated.environment == {"SIM_ADDRESS": "127.0.0.1:5"}
