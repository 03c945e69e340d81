"""Lanes, adapters and pollers together, on a simulated terminal in its own process."""

import asyncio
import contextlib
import functools
import json
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest
from tests.terminal.support import WallClock, terminal_settings, until
from tests.terminal.test_poller import MemoryCursors, MemorySink
from tests.terminal.test_trade_lane import approved

from hybrid_bridge.core.appraisal import AppraisalQuery, LookQuery
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer
from hybrid_bridge.errors import LaneError, LaneUnavailable
from hybrid_bridge.loop_lag import LoopLag
from hybrid_bridge.simulator.control_client import SimulatorControl
from hybrid_bridge.terminal import lane, market_lane, operations, trade_lane
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.lanes import Lanes
from hybrid_bridge.terminal.market_lane import TerminalMarketLane
from hybrid_bridge.terminal.poller import TickPoller
from hybrid_bridge.terminal.trade_lane import TerminalTradeLane
from hybrid_bridge.terminal.worker_process import _environment

SYMBOLS = "EURUSD,GBPUSD"
LOGIN = 10000001
MAGIC = (234_000 << 32) | 7


class Simulator:
    """The simulated terminal's process, to be killed and started again."""

    def __init__(self, ledger, *options):
        judged = ["--ledger", str(ledger), "--control", "127.0.0.1:0", "--die-with-parent"]
        self._options = ["--symbols", SYMBOLS, *judged, *options]
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
        ready = json.loads(self._process.stdout.readline())
        self.address, self._control = ready["simulator"], ready["control"]

    def control(self):
        return SimulatorControl(self._control)

    def freeze(self):
        psutil.Process(self._process.pid).suspend()

    def thaw(self):
        psutil.Process(self._process.pid).resume()

    def kill(self):
        self._process.kill()
        self._process.communicate()

    def deals(self, magic):
        rows = [json.loads(line) for line in self._ledger.read_text().splitlines()]
        return [row for row in rows if row["magic"] == magic]


class Bridge:
    """What app wires together of the terminal's side."""

    def __init__(self, simulator, **settings):
        simulated = {"simulation_mode": True, "sim_address": simulator.address, "symbols": SYMBOLS}
        self.settings = terminal_settings(tick_rate_hz=20, **(simulated | settings))
        self.lanes = Lanes(self.settings)
        self.server_clock = ServerClock()
        clock = WallClock()
        self.market = TerminalMarketLane(self.lanes.for_market, self.server_clock, clock)
        self.trade = TerminalTradeLane(self.lanes.for_orders, self.server_clock, clock)
        self.sink, self.cursors = MemorySink(), MemoryCursors()
        self.lag = LoopLag(clock)
        self.poller = TickPoller(
            self.market, self.sink, self.cursors, clock, self.server_clock, self.settings
        )


@contextlib.asynccontextmanager
async def bridge_on(simulator, **settings):
    simulator.start()
    bridge = Bridge(simulator, **settings)
    loops = (bridge.lanes.run, bridge.poller.run, bridge.lag.run)
    tasks = [asyncio.create_task(loop()) for loop in loops]
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
        valuation = (await entry(bridge))[0].report.valuation
        assert valuation.position_losses == {outcome.order: pytest.approx(50.0, abs=5.0)}
        per_lot = valuation.worths["EURUSD"].money_per_lot
        assert per_lot == pytest.approx(100_000 * appraisal.quote.bid, rel=0.01)


async def test_money_paid_in_or_out_is_told_by_both_lanes_with_the_look_that_shows_it(simulator):
    async with bridge_on(simulator) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        looks = (bridge.market.report, bridge.trade.report)
        assert [(await look()).balance_operations for look in looks] == [(), ()]
        with simulator.control() as control:
            control.deposit(500)
            control.deposit(-120.5)
            control.deposit(30, credit=True)
        for look in looks:
            report = await look()
            assert (report.account.balance, report.account.equity) == (10_379.5, 10_409.5)
            assert [paid.amount for paid in report.balance_operations] == [500.0, -120.5, 30.0]
            assert all(abs(paid.time_msc - report.at_msc) < 60_000 for paid in report.balance_operations)


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


async def test_the_rest_of_a_partial_fill_is_shown_as_it_waits_with_the_deals_so_far(tmp_path):
    simulator = Simulator(tmp_path / "ledger.jsonl", "--symbols", "AAPL", "--faults", "partial:share=0.3")
    async with bridge_on(simulator, symbols="AAPL") as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        ask = (await bridge.trade.appraise(AppraisalQuery("AAPL", Side.BUY, 1.0))).quote.ask
        order = approved(
            symbol="AAPL",
            volume=10.0,
            price=ask,
            sl=round(ask / 2, 2),
            deviation=100,
            type_filling=2,
            magic=MAGIC,
        )
        since_msc = WallClock().utc_msc()
        outcome = await bridge.trade.submit(order)
        assert (outcome.answer, outcome.retcode, outcome.volume) == (Answer.YES, 10010, 3.0)
        rest = await bridge.trade.look(LookQuery(MAGIC, "", since_msc))
        assert [(waiting.magic, waiting.volume) for waiting in rest.orders] == [(MAGIC, 7.0)]
        assert [deal.volume for deal in rest.deals] == [3.0]
        assert rest.history_orders == ()


# What the loop may stand still for on a machine that is busy with other things; a hang would be for ever.
LAG_MS_MAX = 1000
DEADLINE_S = 1.0


@pytest.fixture
def short_deadlines(monkeypatch):
    """The deadlines of the trade lane's calls, a second each; the lanes look at nothing of themselves."""
    monkeypatch.setattr(lane, "IDENTITY_AFTER_S", 3600.0)
    for name in ("SUBMIT", "LOOK", "REPORT", "APPRAISE"):
        usual = getattr(trade_lane, name)
        kinds = (usual.name, usual.args, usual.reply, usual.priority)
        made = operations.Operation(*kinds, DEADLINE_S, 10.0, usual.shows_account)
        monkeypatch.setattr(trade_lane, name, made)


async def test_a_call_that_hangs_costs_its_lane_and_nothing_else(simulator, short_deadlines):
    """In turn: the account's look, the history, the check of an order, the order itself."""
    async with bridge_on(simulator) as bridge:
        await until(lambda: len(bridge.sink.log) > 10)
        _, order = await entry(bridge)
        look = LookQuery(MAGIC, "", WallClock().utc_msc())
        hanging = {
            "account_info": bridge.trade.report,
            "history_deals_get": functools.partial(bridge.trade.look, look),
            "order_check": functools.partial(bridge.trade.submit, order),
            "order_send": functools.partial(bridge.trade.submit, order),
        }
        market = bridge.lanes.market.state
        for number, (command, ask) in enumerate(hanging.items(), start=1):
            with simulator.control() as control:
                control.fault("stall", command=command)
            ticks = len(bridge.sink.log)
            asked_s = asyncio.get_running_loop().time()
            try:
                outcome = await ask()
            except LaneError as error:
                assert not command.startswith("order")
                assert f"took longer than {DEADLINE_S:g} s" in str(error)
            else:
                assert (outcome.answer, outcome.reason) == (Answer.UNKNOWN, "lane_interrupted")
            assert asyncio.get_running_loop().time() - asked_s < DEADLINE_S + 2
            assert len(bridge.sink.log) > ticks
            await until(lambda n=number: bridge.lanes.trade.state.restarts == n and bridge.lanes.trade.ready)
        assert bridge.lanes.market.state == market
        assert bridge.lag.max_ms < LAG_MS_MAX
        assert simulator.deals(MAGIC) == []
        with simulator.control() as control:
            control.clear()
        # The terminal goes on with what it held up, though nobody waits for the answer any more.
        await until(lambda: len(simulator.deals(MAGIC)) == 1)
        findings = await bridge.trade.look(look)
        assert [deal.volume for deal in findings.deals] == [0.1]


async def test_a_terminal_that_stands_still_is_left_at_the_deadlines_and_found_again(
    simulator, short_deadlines, monkeypatch
):
    usual = market_lane.TICKS
    kinds = (usual.name, usual.args, usual.reply, usual.priority)
    monkeypatch.setattr(market_lane, "TICKS", operations.Operation(*kinds, DEADLINE_S, 10.0))
    async with bridge_on(simulator) as bridge:
        await until(lambda: len(bridge.sink.log) > 10)
        _, order = await entry(bridge)
        simulator.freeze()
        try:
            outcome = await bridge.trade.submit(order)
            await until(lambda: bridge.lanes.market.state.restarts > 0)
        finally:
            simulator.thaw()
        assert (outcome.answer, outcome.reason) == (Answer.UNKNOWN, "lane_interrupted")
        await until(lambda: bridge.lanes.market.ready and bridge.lanes.trade.ready)
        before = len(bridge.sink.log)
        await until(lambda: len(bridge.sink.log) > before)
        for symbol in SYMBOLS.split(","):
            seqs = bridge.sink.seqs(symbol)
            assert seqs == list(range(1, len(seqs) + 1))
        assert bridge.lag.max_ms < LAG_MS_MAX
        # What had reached the terminal's door is either shown by a look, or was never taken in.
        findings = await bridge.trade.look(LookQuery(MAGIC, "", WallClock().utc_msc()))
        assert len(findings.deals) == len(simulator.deals(MAGIC))


async def test_a_restarted_terminal_is_found_by_an_idle_trade_lane_before_the_next_order(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(lane, "IDENTITY_AFTER_S", 0.2)
    simulator = Simulator(tmp_path / "ledger.jsonl", "--state", str(tmp_path / "state"))
    async with bridge_on(simulator) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        _, order = await entry(bridge)
        simulator.kill()
        await until(lambda: not bridge.lanes.trade.ready)
        simulator.start()
        before = len(bridge.sink.log)
        await until(lambda: bridge.lanes.trade.state.connects == 2 and len(bridge.sink.log) > before + 5)
        assert (await bridge.trade.submit(order)).answer is Answer.YES
        assert len(simulator.deals(MAGIC)) == 1


async def test_another_account_closes_both_lanes_until_the_right_one_is_back(simulator, monkeypatch):
    monkeypatch.setattr(lane, "IDENTITY_AFTER_S", 0.2)
    async with bridge_on(simulator, mt5_login=LOGIN) as bridge:
        await until(lambda: len(bridge.sink.log) > 10)
        _, order = await entry(bridge)
        lanes = (bridge.lanes.market, bridge.lanes.trade)
        with simulator.control() as control:
            control.fault("other_account", login=7)
            await until(lambda: all(each.state.phase is lane.LanePhase.MISMATCH for each in lanes))
            assert "account 7" in bridge.lanes.trade.state.reason
            outcome = await bridge.trade.submit(order)
            assert (outcome.answer, outcome.reason) == (Answer.NO, "lane_unavailable")
            with pytest.raises(LaneUnavailable, match="account 7"):
                await bridge.trade.report()
            control.clear()
        await until(lambda: all(each.ready for each in lanes), within_s=20)
        assert (await bridge.trade.report()).account.login == LOGIN
        assert bridge.lanes.trade.state.restarts == 0


async def test_an_order_for_another_account_is_not_sent_though_no_look_noticed_yet(
    simulator, short_deadlines
):
    async with bridge_on(simulator, mt5_login=LOGIN) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        _, order = await entry(bridge)
        with simulator.control() as control:
            control.fault("other_account", login=7)
            outcome = await bridge.trade.submit(order)
            assert (outcome.answer, outcome.reason) == (Answer.NO, "other_account")
            assert control.arrivals() == []
        await until(lambda: bridge.lanes.trade.state.phase is lane.LanePhase.MISMATCH)


NO, UNKNOWN, YES = Answer.NO, Answer.UNKNOWN, Answer.YES
# A fault, with what is made of the terminal's reply: answer, reason, may be tried again, halts; and the lots
# that are dealt in the end.
REPLIES = [
    ({"name": "reject", "retcode": 10004}, (NO, "requote", True, False), 0.0),
    ({"name": "reject", "retcode": 10020}, (NO, "price_changed", True, False), 0.0),
    ({"name": "reject", "retcode": 10021}, (NO, "price_off", True, False), 0.0),
    ({"name": "reject", "retcode": 10030}, (NO, "invalid_fill", True, False), 0.0),
    ({"name": "reject", "retcode": 10006}, (NO, "reject", False, False), 0.0),
    ({"name": "reject", "retcode": 10012}, (UNKNOWN, "timeout", False, False), 0.0),
    ({"name": "reject", "retcode": 10012, "executed": "yes"}, (UNKNOWN, "timeout", False, False), 0.1),
    ({"name": "reject", "retcode": 10031, "executed": "yes"}, (UNKNOWN, "connection", False, False), 0.1),
    ({"name": "error", "code": -10005}, (UNKNOWN, "internal_fail_timeout", False, False), 0.0),
    ({"name": "lose_reply"}, (UNKNOWN, "internal_fail_receive", False, False), 0.1),
    ({"name": "lose_reply", "cut": "yes"}, (UNKNOWN, "internal_fail_receive", False, False), 0.1),
    ({"name": "placed", "seconds": 0.5}, (UNKNOWN, "placed", False, False), 0.1),
    ({"name": "partial", "share": 0.5}, (YES, "done_partial", False, False), 0.05),
    ({"name": "zero_price"}, (YES, "done", False, False), 0.1),
    ({"name": "rewrite", "comment": "broker"}, (YES, "done", False, False), 0.1),
    ({"name": "autotrading_off"}, (NO, "client_disables_at", False, True), 0.0),
    ({"name": "experts_off"}, (NO, "server_disables_at", False, True), 0.0),
    ({"name": "api_off"}, (NO, "auto_trading_disabled", False, True), 0.0),
    ({"name": "trading_off"}, (NO, "trade_disabled", False, False), 0.0),
    ({"name": "market_closed"}, (NO, "market_closed", False, False), 0.0),
    ({"name": "rate_limit", "per_second": 0}, (NO, "too_many_requests", False, False), 0.0),
]


async def test_what_a_terminal_replies_is_judged_and_what_it_did_is_found_by_magic(simulator):
    async with bridge_on(simulator) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        with simulator.control() as control:
            for number, (fault, judged, dealt) in enumerate(REPLIES, start=MAGIC + 1):
                await bridge.lanes.trade.wait_ready()
                _, order = await entry(bridge)
                order = replace(order, request=replace(order.request, magic=number))
                since_msc = WallClock().utc_msc()
                control.fault(**fault)
                outcome = await bridge.trade.submit(order)
                shown = (outcome.answer, outcome.reason, outcome.retriable, outcome.halts)
                assert (fault, shown) == (fault, judged)
                if fault["name"] != "placed":
                    control.clear()
                if dealt:
                    await until(lambda magic=number: simulator.deals(magic) != [])
                await bridge.lanes.trade.wait_ready()
                findings = await bridge.trade.look(LookQuery(number, "", since_msc))
                assert (fault, sum(deal.volume for deal in findings.deals)) == (fault, dealt)
                assert (fault, sum(deal["volume"] for deal in simulator.deals(number))) == (fault, dealt)


async def test_a_close_that_another_came_before_finds_nothing_left_to_do(simulator):
    async with bridge_on(simulator) as bridge:
        await until(lambda: bridge.server_clock.offset_s is not None)
        _, order = await entry(bridge)
        opened = await bridge.trade.submit(order)
        close = replace(
            order.request, type=1, position=opened.order, magic=MAGIC + 1, sl=0.0, price=opened.price
        )
        first = await bridge.trade.submit(replace(order, request=close))
        again = await bridge.trade.submit(replace(order, request=close))
        assert (first.answer, first.volume) == (YES, 0.1)
        assert (again.answer, again.retcode, again.reason) == (NO, 10036, "position_closed")
        assert [(row["entry"], row["volume"]) for row in simulator.deals(MAGIC + 1)] == [(1, 0.1)]
