"""The judge's rules on money: orders and accounts that must be condemned, and sound ones that must not."""

from dataclasses import replace
from typing import Any

import pytest
from scripts.simulation.case import Case, in_force
from scripts.simulation.evidence import Executed, LedgerDeal
from scripts.simulation.money import Holding, Money, Snapshot, legs_of, loss_at_stop, net_lots
from scripts.simulation.orders import Resume, Tightening
from tests.simulation.test_rules import START_MS, entry, executed, kinds, make_case, result

BIDS = {"EURUSD": 1.1, "GBPUSD": 1.3, "USDJPY": 150.0}
TOLD = {"s1": [result("filled", 0.1)]}
LONG = Holding("EURUSD", True, 1.0, 1.1, 1.09, 0.0, own=False)


def account(**changes: Any) -> Snapshot:
    return replace(Snapshot(100_000.0, 0.0, 110.0, (), (), BIDS), **changes)


def sent(at_s: float = 10.0, *, before: Snapshot | None = None, **request: Any) -> Executed:
    """A tenth of a lot of EURUSD at 1.1 with its stop 100 points below: it may lose 100 dollars."""
    made = executed(entry(**{"price": 1.1, "sl": 1.09, **request}), at_s)
    made.arrival.before = before or account()
    return made


def money(*worths: tuple[float, float]) -> Money:
    """The account at these moments, in one life that looked each time."""
    book = Money()
    for at_s, equity in worths or ((0.0, 100_000.0), (5.0, 100_000.0)):
        book.note_worth(at_s, equity)
        book.note_look(at_s, 1, equity, 0.0, watch=True)
    return book


def case_of(*requests: Executed, book: Money | None = None, limits: Any = None, **changes: Any) -> Case:
    case = make_case(*requests, told=TOLD if requests else {}, money=book or money())
    usual = {"slippage_reserve_points": 0.0, "mt5_server_utc_offset": "10800"}
    return replace(case, settings=case.settings.model_copy(update={**usual, **(limits or {})}), **changes)


@pytest.mark.parametrize(("percent", "reserve", "breach"), [
    (0.1, 0.0, False), (0.09, 0.0, True), (0.1, 10.0, True), (0.102, 10.0, False),
])  # fmt: skip
def test_a_stop_may_cost_what_is_permitted_and_no_more(percent, reserve, breach):
    limits = {"max_risk_percent": percent, "slippage_reserve_points": reserve}
    # 98 of 100 points: what a reserve of 10 adds is a thousandth of a percent.
    assert ({"limit"} if breach else set()) == kinds(case_of(sent(sl=1.09), limits=limits))


def test_the_best_equity_of_the_last_half_minute_permits():
    book = money((0.0, 50_000.0), (2.0, 100_000.0), (9.0, 50_000.0))
    assert set() == kinds(case_of(sent(), book=book, limits={"max_risk_percent": 0.1}))


@pytest.mark.parametrize(("held", "percent", "breach"), [
    ((LONG,), 1.1, False),
    ((LONG,), 1.05, True),
    ((replace(LONG, since_s=9.0),), 1.05, False),
    ((replace(LONG, stop_loss=0.0),), 50.0, True),
    ((replace(LONG, stop_loss=1.2),), 0.11, False),
])  # fmt: skip
def test_what_all_stops_cost_together_is_added_up(held, percent, breach):
    request = sent(30.0 if held[0].since_s == 0.0 else 10.0, before=account(positions=held))
    book = money((0.0, 100_000.0), (25.0, 100_000.0))
    case = case_of(request, book=book, limits={"max_open_risk_percent": percent})
    assert ({"limit"} if breach else set()) == kinds(case)


@pytest.mark.parametrize(("held", "percent", "breach"), [
    ((), 11.1, False),
    ((), 10.9, True),
    ((LONG,), 121.1, False),
    ((LONG,), 120.0, True),
    ((replace(LONG, buy=False),), 50.0, False),
    ((replace(LONG, symbol="GBPUSD"),), 130.0, True),
])  # fmt: skip
def test_each_currency_is_exposed_as_far_as_is_permitted(held, percent, breach):
    request = sent(30.0, before=account(positions=held))
    book = money((0.0, 100_000.0), (25.0, 100_000.0))
    case = case_of(request, book=book, limits={"max_exposure_percent": percent})
    assert ({"limit"} if breach else set()) == kinds(case)


def test_the_margin_level_stays_above_the_least():
    request = sent(before=account(margin=900.0, added_margin=1_000.0))
    assert set() == kinds(case_of(request, limits={"min_margin_level_percent": 10_000.0}))
    assert {"limit"} == kinds(case_of(request, limits={"min_margin_level_percent": 10_100.0}))


FALLEN = (
    (0.0, 100_000.0),
    (5.0, 100_000.0),
    (20.0, 99_000.0),
    (22.0, 99_000.0),
    (40.0, 99_000.0),
    (60.0, 99_500.0),
)


@pytest.mark.parametrize("name", ["max_daily_loss_percent", "max_drawdown_percent"])
def test_nothing_is_opened_once_a_loss_was_seen_to_break_a_limit(name):
    book = money(*FALLEN)
    broken, kept = {name: 0.9}, {name: 1.1}
    assert {"limit"} == kinds(case_of(sent(70.0), book=book, limits=broken))
    assert set() == kinds(case_of(sent(70.0), book=book, limits=kept))
    assert set() == kinds(case_of(sent(30.0), book=book, limits=broken))
    smaller = account(positions=(replace(LONG, buy=False),))
    assert set() == kinds(case_of(sent(70.0, before=smaller), book=book, limits=broken))
    lifted = [Resume(65.0, 1, "go on", local=True)]
    assert set() == kinds(case_of(sent(70.0), book=book, limits=broken, resumes=lifted))


def test_a_look_of_a_life_that_ended_at_once_or_could_not_write_counts_for_nothing():
    book, broken = money(*FALLEN[:4]), {"max_daily_loss_percent": 0.9}
    assert {"limit"} == kinds(case_of(sent(70.0), book=book, limits=broken))
    assert set() == kinds(case_of(sent(70.0), book=book, limits=broken, disk_full_s=((21.0, 30.0),)))
    book.ends_s[1] = 24.0
    assert set() == kinds(case_of(sent(70.0), book=book, limits=broken))


def test_what_is_paid_out_is_no_loss_and_what_is_paid_in_hides_none():
    book = Money()
    for at_s, amount, equity in ((0.0, 0.0, 100_000.0), (20.0, -5_000.0, 95_000.0), (30.0, 0.0, 95_000.0)):
        book.moves.append((at_s, amount))
        book.note_worth(at_s, equity)
        book.note_look(at_s, 1, equity, 0.0, watch=True)
    limits = {"max_daily_loss_percent": 1.0, "max_drawdown_percent": 1.0}
    assert set() == kinds(case_of(sent(70.0), book=book, limits=limits))
    book.moves.append((31.0, 5_000.0))
    for at_s in (32.0, 34.0):
        book.note_look(at_s, 1, 98_000.0, 0.0, watch=True)
    assert {"limit"} == kinds(case_of(sent(70.0), book=book, limits=limits))


def test_what_was_open_when_a_limit_broke_is_closed_where_all_is_to_be():
    worths = [(at_s, 99_000.0) for at_s in range(20, 40, 2)]
    book = money((0.0, 100_000.0), *worths)
    limits = {"max_daily_loss_percent": 0.9, "on_breach": "flatten", "breach_readings": 3}
    case = case_of(sent(5.0), book=book, limits=limits)
    assert {"stop"} == kinds(case)
    assert set() == kinds(case_of(sent(5.0), book=book, limits={**limits, "on_breach": "block"}))
    short = money((0.0, 100_000.0), *worths[:4])
    assert set() == kinds(case_of(sent(5.0), book=short, limits=limits))
    assert set() == kinds(replace(case, resumes=[Resume(50.0, 1, "go on", local=True)]))


@pytest.mark.parametrize(("detail", "wrong"), [
    ("daily_loss: saw 8.00 %, allowed 1 %", True),
    ("drawdown: saw 8.00 %, allowed 1 %", True),
    ("daily_loss: saw equity 1, reference None, allowed 1 % (the loss is not known)", False),
])  # fmt: skip
def test_nobody_is_told_of_a_loss_that_there_was_not(detail, wrong):
    case = case_of(limits={"max_daily_loss_percent": 1.0, "max_drawdown_percent": 1.0})
    told = {"s1": {"redpanda": [result("denied", detail=detail)]}}
    case = replace(case, evidence=replace(case.evidence, told=told))
    assert ({"unexplained"} if wrong else set()) == kinds(case)


def ended(order: int, at_s: float, amount: float) -> list[LedgerDeal]:
    moment = START_MS + round(at_s * 1000)
    opened = LedgerDeal(order + 100, order, order, 0, 0.1, moment - 1_000)
    return [opened, LedgerDeal(order + 200, order + 50, order, 1, 0.1, moment, amount)]


@pytest.mark.parametrize(("results", "breach"), [
    ((-5.0, -5.0), True),
    ((-5.0, 0.0, -5.0), True),
    ((-5.0, 3.0, -5.0), False),
    ((-5.0,), False),
    ((-5.0, -5.0, 3.0), False),
])  # fmt: skip
def test_entries_pause_after_so_many_own_losses_in_a_row(results, breach):
    trades = [executed(entry(f"s{n}", magic=n), 5.0, order=n) for n in range(2, 2 + len(results))]
    for number, (trade, amount) in enumerate(zip(trades, results, strict=True)):
        trade.deals[:] = ended(number + 2, 10.0 + number, amount)
    case = case_of(*trades, sent(40.0, magic=99), limits={"max_consecutive_losses": 2})
    case = replace(case, evidence=replace(case.evidence, told={}), sent={}, delivered=frozenset())
    words = [failure for failure in judged(case) if "in a row" in failure]
    assert breach == bool(words)
    if breach:
        cool = case.settings.model_copy(update={"cooldown_minutes": 0.4})
        assert not [words for words in judged(replace(case, settings=cool)) if "in a row" in words]


def judged(case: Case) -> list[str]:
    from scripts.simulation.rules import judge_case

    return [failure.text for failure in judge_case(case)]


def wish(at_s: float, settled_s: float | None = None, **limits: float) -> Tightening:
    return Tightening(at_s, 1, "calm", limits, at_s if settled_s is None else settled_s)


def test_the_strictest_wish_that_was_obeyed_is_in_force():
    case = case_of(limits={"max_volume": 1.0})
    strict = replace(case, tightenings=(wish(5.0, MAX_VOLUME=0.5), wish(30.0, MAX_VOLUME=0.2)))
    assert (1.0, 0.5, 0.2) == tuple(in_force(strict, "max_volume", at_s) for at_s in (14.0, 16.0, 41.0))
    looser = replace(case, tightenings=(wish(5.0, MAX_VOLUME=0.5), wish(30.0, MAX_VOLUME=0.7)))
    assert in_force(looser, "max_volume", 50.0) == 0.5
    mixed = replace(case, tightenings=(wish(5.0, MAX_VOLUME=0.5, MAX_RISK_PERCENT=5.0),))
    assert in_force(mixed, "max_volume", 50.0) == 1.0
    restored = replace(case, tightenings=(wish(5.0, MAX_VOLUME=0.5), wish(30.0)))
    assert in_force(restored, "max_volume", 50.0) == 1.0
    assert in_force(case, "max_exposure_percent", 50.0) is None


def test_a_volume_beyond_a_stricter_limit_is_a_breach():
    case = case_of(sent(40.0))
    assert {"limit"} == kinds(replace(case, tightenings=(wish(5.0, MAX_VOLUME=0.05),)))
    lost = Tightening(5.0, 1, "calm", {"MAX_VOLUME": 0.05})
    assert set() == kinds(replace(case, tightenings=(lost,)))


def test_money_is_reckoned_in_dollars():
    assert legs_of("USDJPY", True, 0.5, 150.0) == {"USD": 50_000.0, "JPY": -50_000.0}
    assert legs_of("EURUSD", False, 0.5, 1.2) == {"EUR": -60_000.0, "USD": 60_000.0}
    yen = Holding("USDJPY", False, 1.0, 150.0, 151.5, 0.0, own=True)
    assert loss_at_stop(yen, 150.0) == pytest.approx(1_000.0)
    assert net_lots((yen, LONG, replace(LONG, buy=False, volume=0.4)), "EURUSD") == pytest.approx(0.6)
