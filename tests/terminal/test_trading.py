import time

import msgspec
import pytest

from hybrid_bridge.terminal import trading
from hybrid_bridge.terminal.operations import AppraiseArgs, ConnectArgs, DealsArgs, LookArgs, SubmitArgs
from hybrid_bridge.terminal.package import PackageError

BUY, SELL = 0, 1
TICK = {"EURUSD": [[5000, 1.1, 1.1002]]}
ENTRY = SubmitArgs(1, "EURUSD", 0.1, 1.1, 1.09, 1.12, 10, BUY, 1, 0, 42, 0, 0, "note")
REQUEST = set(ENTRY.__struct_fields__) - {"latest_utc_msc"}


def changed(**fields):
    return msgspec.structs.replace(ENTRY, **fields)


def test_an_appraisal_has_the_facts_of_one_instant(session, script):
    script.say(ticks=TICK)
    reply = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0902))
    assert reply.spec.volume_max == 100.0
    assert (reply.quote.bid, reply.quote.ask, reply.quote.time_msc) == (1.1, 1.1002, 5000)
    assert reply.profit_at_stop == pytest.approx(-0.01 * 100 * 100_000)
    assert reply.margin == pytest.approx(100 * 1.1002 * 1000)
    assert reply.report.valuation.position_losses == {}
    assert reply.report.account.equity == 10000.0


def test_a_sell_is_reckoned_from_the_bid(session, script):
    script.say(ticks=TICK)
    reply = trading.appraise(session, AppraiseArgs("EURUSD", SELL, 1.11))
    assert reply.profit_at_stop == pytest.approx(-0.01 * 100 * 100_000)


def test_without_a_stop_there_is_no_loss_at_it(session, script):
    script.say(ticks=TICK)
    reply = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 0.0))
    assert reply.profit_at_stop is None
    assert reply.margin is not None


def test_an_unknown_symbol_or_a_missing_quote_is_none(session, script):
    reply = trading.appraise(session, AppraiseArgs("NOPE", BUY, 1.0))
    assert (reply.spec, reply.quote, reply.profit_at_stop, reply.margin) == (None, None, None, None)
    reply = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0))
    assert reply.spec is not None
    assert (reply.quote, reply.profit_at_stop, reply.margin) == (None, None, None)


def test_what_cannot_be_calculated_is_none(session, script):
    errors = {name: [-1, "no"] for name in ("order_calc_profit", "order_calc_margin")}
    script.say(ticks=TICK, errors=errors, positions=[{"sl": 1.0}])
    reply = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0))
    assert (reply.profit_at_stop, reply.margin) == (None, None)
    assert reply.report.valuation.position_losses == {1: None}
    assert [worth.money_per_lot for worth in reply.report.valuation.worths] == [None]


def test_a_loss_is_reckoned_from_the_price_that_was_asked_about(session, script):
    script.say(ticks=TICK)
    reply = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.09, entry_price=1.15))
    assert reply.profit_at_stop == pytest.approx(-0.06 * 100 * 100_000)
    assert reply.margin == pytest.approx(100 * 1.15 * 1000)
    script.say(ticks=None)
    without_quote = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.09, entry_price=1.15))
    assert (without_quote.quote, without_quote.profit_at_stop) == (None, reply.profit_at_stop)


def test_the_symbol_asked_about_is_valued_with_what_is_open(session, script):
    script.say(ticks=TICK, symbols=["EURUSD", "GBPUSD"], positions=[{"symbol": "GBPUSD", "sl": 1.0}])
    reply = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0))
    assert [worth.symbol for worth in reply.report.valuation.worths] == ["GBPUSD", "EURUSD"]


def test_commission_is_learned_from_deals(session, script):
    script.say(ticks=TICK, deals=[{"ticket": 9, "commission": -3.5}])
    assert trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0)).commission_per_lot == 7.0


def test_an_entry_is_checked_and_then_sent_once(session, script):
    reply = trading.submit(session, ENTRY)
    expected = {name: value for name, value in msgspec.structs.asdict(ENTRY).items() if name in REQUEST}
    assert script.orders_sent() == [("order_check", expected), ("order_send", expected)]
    assert reply.sent
    assert (reply.result.retcode, reply.result.order, reply.code) == (10009, 7, 1)


def test_what_the_check_refuses_is_not_sent(session, script):
    script.say(check={"retcode": 10019, "comment": "No money"})
    reply = trading.submit(session, ENTRY)
    assert [name for name, _ in script.orders_sent()] == ["order_check"]
    assert (reply.sent, reply.check_retcode, reply.check_comment, reply.result) == (
        False,
        10019,
        "No money",
        None,
    )


def test_a_check_that_fails_sends_nothing(session, script):
    script.say(errors={"order_check": [-10001, "IPC send failed"]})
    reply = trading.submit(session, ENTRY)
    assert [name for name, _ in script.orders_sent()] == ["order_check"]
    assert (reply.sent, reply.code) == (False, -10001)
    assert session.link_lost


@pytest.mark.parametrize("fields", [{"position": 5}, {"action": 6, "position": 5}, {"action": 8, "order": 5}])
def test_closes_changes_and_cancellations_are_sent_without_a_check(session, script, fields):
    script.say(check={"retcode": 10019})
    assert trading.submit(session, changed(**fields)).sent
    assert [name for name, _ in script.orders_sent()] == ["order_send"]


CONNECT = ConnectArgs(path="", login=None, password="", server="", timeout_ms=60_000)


@pytest.mark.parametrize(
    "fields", [{}, {"position": 5}, {"action": 6, "position": 5}, {"action": 8, "order": 5}]
)
def test_nothing_is_sent_to_another_account(session, script, fields):
    session.connect(CONNECT)
    script.say(login=7)
    reply = trading.submit(session, changed(**fields))
    assert (reply.sent, reply.result) == (False, None)
    assert "account 7" in reply.stranger
    assert script.orders_sent() == []
    assert session.stranger == reply.stranger


def test_nothing_is_sent_when_nobody_says_who_is_logged_in(session, script):
    script.say(errors={"account_info": [-10001, "IPC send failed"]})
    reply = trading.submit(session, changed(position=5))
    assert (reply.sent, reply.code, reply.stranger) == (False, -10001, "")
    assert script.orders_sent() == []
    assert session.link_lost


@pytest.mark.parametrize("fields", [{}, {"position": 5}], ids=["entry", "close"])
def test_what_lay_too_long_in_the_pipe_is_not_sent(session, script, fields):
    late = changed(latest_utc_msc=time.time_ns() // 1_000_000 - 60_000, **fields)
    reply = trading.submit(session, late)
    assert (reply.sent, reply.result) == (False, None)
    assert 60_000 <= reply.late_ms < 70_000
    assert "order_send" not in [name for name, _ in script.orders_sent()]


def test_what_is_in_time_is_sent_without_a_word_of_its_deadline(session, script):
    reply = trading.submit(session, changed(latest_utc_msc=time.time_ns() // 1_000_000 + 60_000))
    assert (reply.sent, reply.late_ms) == (True, 0)
    requests = [request for _, request in script.orders_sent()]
    assert [REQUEST] * 2 == [set(one) for one in requests]


def test_what_another_account_lacks_is_no_trace_of_anything(session, script):
    session.connect(CONNECT)
    look = LookArgs(42, "", 0, 1, 2)
    assert trading.look(session, look).deals == []
    script.say(login=7)
    with pytest.raises(PackageError, match="account 7"):
        trading.look(session, look)
    assert session.stranger


def test_a_pending_order_is_checked(session, script):
    trading.submit(session, changed(action=5, type=2))
    assert [name for name, _ in script.orders_sent()] == ["order_check", "order_send"]


def test_nothing_returned_comes_with_its_own_last_error(session, script):
    script.say(errors={"order_send": [-10002, "IPC recv failed"]})
    reply = trading.submit(session, ENTRY)
    assert (reply.sent, reply.result, reply.code, reply.text) == (True, None, -10002, "IPC recv failed")
    assert session.link_lost


MINE = {"magic": 42}
FOREIGN = {"magic": 7, "comment": "other"}


def test_a_look_finds_by_magic_by_comment_and_by_position(session, script):
    script.say(
        positions=[
            {"ticket": 1} | MINE,
            {"ticket": 2} | FOREIGN,
            {"ticket": 3, "comment": "note"},
            {"ticket": 5},
        ],
        orders=[{"ticket": 11} | MINE, {"ticket": 12} | FOREIGN],
        history_orders=[{"ticket": 21, "position_id": 5}, {"ticket": 22} | FOREIGN, {"ticket": 23} | MINE],
        deals=[{"ticket": 31, "position_id": 5}, {"ticket": 32} | FOREIGN, {"ticket": 33, "comment": "note"}],
    )
    reply = trading.look(session, LookArgs(42, "note", 5, 1, 2))
    assert reply.connected
    found = [reply.positions, reply.orders, reply.history_orders, reply.deals]
    assert [[row.ticket for row in rows] for rows in found] == [[1, 3, 5], [11], [21, 23], [31, 33]]


def test_zero_and_empty_match_nothing(session, script):
    rows = [{"magic": 0, "comment": "", "position_id": 0, "ticket": 1}]
    script.say(positions=rows, orders=rows, history_orders=rows, deals=rows)
    reply = trading.look(session, LookArgs(0, "", 0, 1, 2))
    assert (reply.positions, reply.orders, reply.history_orders, reply.deals) == ([], [], [], [])


@pytest.mark.parametrize(
    "call", ["terminal_info", "positions_get", "orders_get", "history_orders_get", "history_deals_get"]
)
def test_a_look_with_an_unanswered_question_is_an_error(session, script, call):
    script.say(errors={call: [-1, "Terminal: Call failed"]})
    with pytest.raises(PackageError, match=call):
        trading.look(session, LookArgs(42, "", 0, 1, 2))


def wanted_deals(magics=(), comments=(), positions=()):
    return DealsArgs(frozenset(magics), frozenset(comments), frozenset(positions), 1, 2)


def test_the_deals_of_many_trades_come_with_all_others_of_their_positions(session, script):
    script.say(
        deals=[
            {"ticket": 1, "position_id": 5} | MINE,
            {"ticket": 2, "position_id": 5} | FOREIGN,
            {"ticket": 3, "position_id": 6, "comment": "note"},
            {"ticket": 4, "position_id": 6},
            {"ticket": 5, "position_id": 7},
            {"ticket": 6, "position_id": 8, "magic": 43},
            {"ticket": 7, "position_id": 9} | FOREIGN,
            {"ticket": 8, "position_id": 0},
        ]
    )
    reply = trading.find_deals(session, wanted_deals([42, 43], ["note"], [7]))
    assert reply.connected
    assert [deal.ticket for deal in reply.deals] == [1, 2, 3, 4, 5, 6]
    assert trading.find_deals(session, wanted_deals()).deals == []


@pytest.mark.parametrize("call", ["terminal_info", "history_deals_get"])
def test_deals_with_an_unanswered_question_are_an_error(session, script, call):
    script.say(errors={call: [-1, "Terminal: Call failed"]})
    with pytest.raises(PackageError, match=call):
        trading.find_deals(session, wanted_deals([42]))


def test_what_is_open_is_valued_only_when_that_is_wanted(session, script):
    script.say(ticks=TICK, positions=[{"type": BUY, "price_open": 1.1, "sl": 1.09, "volume": 0.1}])
    plain = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0, valued=False))
    assert plain.report.valuation is None
    valued = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0))
    assert valued.report.valuation.position_losses == {1: pytest.approx(100.0)}
    script.say(errors={"order_calc_profit": [-1, "no"]})
    assert trading.appraise(session, AppraiseArgs("EURUSD", BUY, 0.0, valued=False)).spec is not None


def test_a_symbol_s_rules_are_kept_for_a_few_seconds_and_not_beyond(session, script, monkeypatch):
    script.say(ticks=TICK)
    before = trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0)).spec
    script.say(errors={"symbol_info": [-4, "Terminal: Not found"]})
    assert trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0)).spec == before
    monkeypatch.setattr("hybrid_bridge.terminal.session.SPEC_AGE_S_MAX", 0.0)
    assert trading.appraise(session, AppraiseArgs("EURUSD", BUY, 1.0)).spec is None
