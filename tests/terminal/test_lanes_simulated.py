"""Lanes, adapters and pollers together, on a simulated terminal in its own process."""

import asyncio
import contextlib
import json
import subprocess
import sys

import pytest
from tests.terminal.support import WallClock, terminal_settings, until
from tests.terminal.test_poller import MemoryCursors, MemorySink
from tests.terminal.test_trade_lane import approved

from hybrid_bridge.core.appraisal import AppraisalQuery, LookQuery
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer
from hybrid_bridge.errors import LaneError
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lanes import Lanes
from hybrid_bridge.terminal.market_lane import TerminalMarketLane
from hybrid_bridge.terminal.poller import TickPoller
from hybrid_bridge.terminal.trade_lane import TerminalTradeLane
from hybrid_bridge.terminal.worker_process import _environment

SYMBOLS = "EURUSD,GBPUSD"
MAGIC = (234_000 << 32) | 7


class Simulator:
    """The simulated terminal's process, to be killed and started again."""

    def __init__(self, ledger, *options):
        self._options = ["--symbols", SYMBOLS, "--ledger", str(ledger), "--die-with-parent", *options]
        self._ledger = ledger
        self.address = "127.0.0.1:0"
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hybrid_bridge.simulator", "--listen", self.address, *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE,
            env=_environment({}),
        )
        self.address = json.loads(self._process.stdout.readline())["simulator"]

    def kill(self):
        self._process.kill()
        self._process.communicate()

    def deals(self, magic):
        rows = [json.loads(line) for line in self._ledger.read_text().splitlines()]
        return [row for row in rows if row["magic"] == magic]


class Bridge:
    """What app wires together of the terminal's side."""

    def __init__(self, simulator):
        self.settings = terminal_settings(
            simulation_mode=True, sim_address=simulator.address, symbols=SYMBOLS, tick_rate_hz=20
        )
        self.lanes = Lanes(self.settings)
        self.server_clock = ServerClock()
        clock = WallClock()
        self.market = TerminalMarketLane(self.lanes.for_market, self.server_clock, clock)
        self.trade = TerminalTradeLane(self.lanes.for_orders, self.server_clock, clock)
        self.sink, self.cursors = MemorySink(), MemoryCursors()
        self.poller = TickPoller(
            self.market, self.sink, self.cursors, clock, self.server_clock, self.settings
        )


@contextlib.asynccontextmanager
async def bridge_on(simulator):
    simulator.start()
    bridge = Bridge(simulator)
    tasks = [asyncio.create_task(bridge.lanes.run()), asyncio.create_task(bridge.poller.run())]
    try:
        async with asyncio.timeout(40):
            await bridge.lanes.wait_ready()
            yield bridge
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        simulator.kill()


async def entry(bridge):
    appraisal = await bridge.trade.appraise(AppraisalQuery("EURUSD", Side.BUY, 1.0))
    ask = appraisal.quote.ask
    order = approved(
        price=ask, sl=round(ask - 0.005, 5), deviation=100, type_filling=1, magic=MAGIC, comment="hb7"
    )
    return appraisal, order


@pytest.fixture
def simulator(tmp_path):
    return Simulator(tmp_path / "ledger.jsonl")


async def test_an_order_goes_its_way_and_the_terminal_shows_it(simulator):
    async with bridge_on(simulator) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        assert bridge.server_clock.offset_s == 10_800
        appraisal, order = await entry(bridge)
        now_msc = WallClock().utc_msc()
        assert abs(appraisal.quote.time_msc - now_msc) < 60_000
        assert appraisal.loss_at_stop > 0
        assert appraisal.margin > 0
        outcome = await bridge.trade.submit(order)
        assert (outcome.answer, outcome.volume) == (Answer.YES, 0.1)
        findings = await bridge.trade.look(LookQuery(MAGIC, "", now_msc, position=outcome.order))
        assert findings.position.volume == 0.1
        assert [deal.volume for deal in findings.deals] == [0.1]
        assert abs(findings.deals[0].time_msc - now_msc) < 60_000
        assert [row["volume"] for row in simulator.deals(MAGIC)] == [0.1]
        risk = (await entry(bridge))[0].open_risk
        assert risk == pytest.approx(50.0, abs=5.0)


async def test_a_reply_that_is_lost_leaves_an_unknown_which_a_look_resolves(tmp_path):
    simulator = Simulator(tmp_path / "ledger.jsonl", "--faults", "lose_reply:command=order_send,executed=yes")
    async with bridge_on(simulator) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        _, order = await entry(bridge)
        since_msc = WallClock().utc_msc()
        outcome = await bridge.trade.submit(order)
        assert (outcome.answer, outcome.error_code) == (Answer.UNKNOWN, -10002)
        findings = await bridge.trade.look(LookQuery(MAGIC, "", since_msc))
        assert [position.magic for position in findings.positions] == [MAGIC]
        assert len(simulator.deals(MAGIC)) == 1


async def test_a_terminal_that_is_killed_and_started_again_is_found_again(simulator):
    async with bridge_on(simulator) as bridge:
        await until(lambda: len(bridge.sink.log) > 10)
        simulator.kill()
        await until(lambda: bridge.poller.figures.last_error != "")
        with pytest.raises(LaneError):
            await bridge.trade.report()
        simulator.start()
        await until(lambda: bridge.lanes.market.state.connects == 2, within_s=20)
        before = len(bridge.sink.log)
        await until(lambda: len(bridge.sink.log) > before + 5)
        await bridge.trade.report()
        for symbol in SYMBOLS.split(","):
            seqs = bridge.sink.seqs(symbol)
            assert seqs == list(range(1, len(seqs) + 1))
            times = [tick.tick.time_msc for tick in bridge.sink.log if tick.tick.symbol == symbol]
            assert times == sorted(times)
