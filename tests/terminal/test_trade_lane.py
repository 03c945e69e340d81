import asyncio
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest
from tests.terminal.support import WallClock, until

from hybrid_bridge.core.appraisal import AppraisalQuery, DealsQuery, LookQuery
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Answer, ApprovedOrder, Channel, Intent, IntentKind, OrderRequest, Source
from hybrid_bridge.errors import LaneError
from hybrid_bridge.terminal import operations, trade_lane
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.trade_lane import TerminalTradeLane, submit_args

H = 3_600_000
INTENT = Intent(
    number=1,
    kind=IntentKind.ENTRY,
    signal_id="s1",
    source=Source(Channel.LOCAL),
    symbol="EURUSD",
    side=Side.BUY,
    volume=0.1,
    stop_loss=1.09,
    take_profit=0.0,
    price=None,
    ticket=0,
    comment="",
    received_msc=0,
    created_msc=0,
    expires_msc=4_000_000_000_000,
)


def approved(intent=INTENT, **fields):
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "sl": 1.09, "magic": 42, "comment": "note"}
    return ApprovedOrder(intent, OrderRequest(**(request | fields)), None, 100.0)


@pytest.fixture
async def trade(start_lane):
    lane = start_lane("trade")
    async with asyncio.timeout(10):
        await lane.wait_ready()
    made = TerminalTradeLane(lambda: lane, ServerClock(10_800), WallClock())
    made.lane = lane
    return made


async def test_a_fill_is_a_yes_with_its_facts(trade, script):
    outcome = await trade.submit(approved())
    assert (outcome.answer, outcome.retcode, outcome.order, outcome.volume) == (Answer.YES, 10009, 7, 1.0)
    assert [name for name, _ in script.orders_sent()] == ["order_check", "order_send"]
    assert script.orders_sent()[1][1]["magic"] == 42


async def test_an_order_that_slept_in_the_pipe_is_not_sent_however_long_its_signal_lives(trade, script):
    times = iter([WallClock().utc_msc() - 600_000])
    trade._clock = SimpleNamespace(utc_msc=lambda: next(times))
    outcome = await trade.submit(approved())
    assert (outcome.answer, outcome.reason, outcome.never_asked) == (Answer.NO, "expiry", True)
    assert "order_send" not in [name for name, _ in script.orders_sent()]


@pytest.mark.parametrize("expires_msc", [0, 1])
async def test_an_order_whose_signal_has_expired_meanwhile_is_not_sent(trade, script, expires_msc):
    outcome = await trade.submit(approved(replace(INTENT, expires_msc=expires_msc)))
    assert (outcome.answer, outcome.never_asked) == (Answer.NO, True)
    assert "order_send" not in [name for name, _ in script.orders_sent()]


async def test_a_refusal_is_a_no(trade, script):
    script.say(send={"retcode": 10016, "comment": "Invalid stops"})
    outcome = await trade.submit(approved())
    assert (outcome.answer, outcome.reason) == (Answer.NO, "invalid_stops")


async def test_a_lost_answer_is_unknown_and_never_sent_again(trade, script):
    script.say(errors={"order_send": [-10002, "IPC recv failed"]})
    outcome = await trade.submit(approved())
    assert (outcome.answer, outcome.error_code) == (Answer.UNKNOWN, -10002)
    script.say(errors=None)
    await until(lambda: trade.lane.state.connects == 2)
    assert [name for name, _ in script.orders_sent()].count("order_send") == 1


async def test_a_worker_killed_while_sending_leaves_an_unknown(trade, script):
    script.say(stall=["order_send"])
    submitting = asyncio.create_task(trade.submit(approved()))
    await until(lambda: script.stalled)
    psutil.Process(trade.lane.state.pid).kill()
    outcome = await submitting
    assert (outcome.answer, outcome.reason) == (Answer.UNKNOWN, "lane_interrupted")


async def test_a_terminal_that_hangs_while_sending_leaves_an_unknown_at_the_deadline(
    trade, script, monkeypatch
):
    quick = operations.Operation("submit", *_kinds(operations.SUBMIT), timeout_s=0.3, wait_s=1.0)
    monkeypatch.setattr(trade_lane, "SUBMIT", quick)
    script.say(stall=["order_send"])
    outcome = await trade.submit(approved())
    assert outcome.answer is Answer.UNKNOWN
    assert "took longer than 0.3 s" in outcome.detail


def _kinds(operation):
    return operation.args, operation.reply, operation.priority


async def test_an_exception_in_the_package_while_sending_leaves_an_unknown(trade, script):
    script.say(raises={"order_send": "returned a result with an exception set"})
    assert (await trade.submit(approved())).answer is Answer.UNKNOWN


async def test_a_closed_lane_is_a_certain_no(trade, script):
    refused = {"initialize": [-6, "Terminal: Authorization failed"]}
    script.say(sticky=[-10001, "IPC send failed"], errors=refused)
    with pytest.raises(LaneError):
        await trade.report()
    await until(lambda: trade.lane.connect_failures > 0)
    outcome = await trade.submit(approved())
    assert (outcome.answer, outcome.reason) == (Answer.NO, "lane_unavailable")
    assert script.orders_sent() == []


async def test_an_order_not_wanted_any_more_when_its_turn_comes_is_never_written(trade, script):
    wanted = True
    psutil.Process(trade.lane.state.pid).suspend()
    asking = asyncio.create_task(trade.report())
    await until(lambda: trade.lane._busy_with == "report")
    submitting = asyncio.create_task(trade.submit(approved(), lambda: wanted))
    await until(lambda: len(trade.lane._waiting))
    wanted = False
    psutil.Process(trade.lane.state.pid).resume()
    outcome = await submitting
    assert (outcome.answer, outcome.never_asked) == (Answer.NO, True)
    assert "withdrawn before its turn" in outcome.detail
    await asking
    await trade.report()
    assert script.orders_sent() == []


async def test_an_appraisal_is_in_core_values_and_utc(trade, script):
    server_msc = WallClock().utc_msc() + 3 * H
    script.say(ticks={"EURUSD": [[server_msc, 1.1, 1.1002]]}, positions=[{"sl": 1.09, "volume": 0.1}])
    appraisal = await trade.appraise(AppraisalQuery("EURUSD", Side.BUY, 1.0902))
    assert (appraisal.spec.name, appraisal.spec.tick_size, appraisal.reference_volume) == (
        "EURUSD",
        1e-5,
        100.0,
    )
    assert (appraisal.quote.ask, appraisal.quote.time_msc) == (1.1002, server_msc - 3 * H)
    assert appraisal.loss_at_stop == pytest.approx(100_000)
    assert appraisal.margin == pytest.approx(110_020)
    assert appraisal.report.valuation.position_losses == {1: pytest.approx(100)}
    assert appraisal.report.valuation.worths["EURUSD"].money_per_lot == pytest.approx(110_000)
    assert appraisal.report.account.hedging


async def test_an_appraisal_is_as_the_query_wants_it(trade, script):
    script.say(ticks={"EURUSD": [[1000, 1.1, 1.1002]]}, positions=[{"sl": 1.09, "volume": 0.1}])
    query = AppraisalQuery("EURUSD", Side.SELL, 1.25, valued=False, entry_price=1.2)
    appraisal = await trade.appraise(query)
    assert appraisal.loss_at_stop == pytest.approx(500_000)
    assert appraisal.report.valuation is None


async def test_an_unknown_symbol_is_appraised_as_such(trade):
    appraisal = await trade.appraise(AppraisalQuery("NOPE", Side.SELL, 0.0))
    assert (appraisal.spec, appraisal.quote, appraisal.reference_volume) == (None, None, 0.0)


async def test_a_look_covers_a_day_on_either_side_and_names_the_position(trade, script):
    script.say(
        positions=[{"ticket": 5, "magic": 42, "time_msc": 3 * H + 1}, {"ticket": 6, "magic": 42}],
        deals=[{"ticket": 9, "magic": 42, "volume": 0.3, "type": 1, "time_msc": 3 * H + 2}],
        history_orders=[{"ticket": 8, "magic": 42, "state": 4}],
    )
    since_msc = WallClock().utc_msc() - 1000
    findings = await trade.look(LookQuery(42, "note", since_msc, position=5))
    assert findings.connected
    assert (findings.position.ticket, findings.position.time_msc) == (5, 1)
    assert [position.ticket for position in findings.positions] == [5, 6]
    assert [(order.ticket, order.state) for order in findings.history_orders] == [(8, 4)]
    assert [(deal.ticket, deal.side, deal.volume, deal.time_msc) for deal in findings.deals] == [
        (9, Side.SELL, 0.3, 2)
    ]


async def test_deals_are_looked_for_from_a_day_before(trade, script):
    script.say(
        deals=[
            {"ticket": 9, "magic": 42, "position_id": 3, "volume": 0.3, "type": 1, "time_msc": 3 * H + 2},
            {"ticket": 10, "position_id": 3, "time_msc": 3 * H + 3},
            {"ticket": 11, "position_id": 4, "time_msc": 3 * H + 3},
        ]
    )
    found = await trade.deals_of(DealsQuery((42,), (), (), WallClock().utc_msc()))
    assert found.connected
    assert [(deal.ticket, deal.time_msc) for deal in found.deals] == [(9, 2), (10, 3)]
    script.say(errors={"history_deals_get": [-1, "Terminal: Call failed"]})
    with pytest.raises(LaneError):
        await trade.deals_of(DealsQuery((42,), (), (), 1_700_000_000_000))


async def test_a_look_that_was_not_answered_raises(trade, script):
    script.say(errors={"history_deals_get": [-1, "Terminal: Call failed"]})
    with pytest.raises(LaneError):
        await trade.look(LookQuery(42, "", 1_700_000_000_000))


async def test_a_report_knows_the_servers_day_and_values_nothing(trade, script):
    script.say(positions=[{"sl": 1.09}])
    report = await trade.report()
    assert report.valuation is None
    assert report.server_day == (report.at_msc + 3 * H) // 86_400_000
    assert (report.account.login, report.terminal.build) == (1001, 5000)


def test_every_field_of_a_request_arrives_in_the_type_the_package_wants():
    request = OrderRequest(
        action=True, symbol="X", volume=1, price=2, sl=3, tp=4, deviation=5, magic=6, comment="c"
    )
    args = submit_args(request)
    assert (args.action, args.volume, args.price, args.sl, args.tp) == (1, 1.0, 2.0, 3.0, 4.0)
    assert {type(args.volume), type(args.price), type(args.sl), type(args.tp)} == {float}
    assert type(args.action) is int
    assert set(args.__struct_fields__) - {"latest_utc_msc"} == set(OrderRequest.__dataclass_fields__)
