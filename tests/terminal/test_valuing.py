"""What is open is valued piece by piece; what the terminal cannot calculate is unknown, never nothing."""

import math

import pytest

from hybrid_bridge.terminal import valuing
from hybrid_bridge.terminal.operations import ReportArgs, SelectArgs
from hybrid_bridge.terminal.package import PackageError

BUY, SELL = 0, 1
TICK = {"EURUSD": [[5000, 1.1, 1.1002]]}


def valuation(session):
    return valuing.report(session, ReportArgs(valued=True)).valuation


@pytest.mark.parametrize(
    ("position", "loss"),
    [
        ({"type": BUY, "price_open": 1.1, "sl": 1.09, "volume": 0.1}, 100.0),
        ({"type": SELL, "price_open": 1.1, "sl": 1.11, "volume": 0.1}, 100.0),
        ({"type": BUY, "price_open": 1.1, "sl": 1.12}, 0.0),
        ({"type": SELL, "price_open": 1.1, "sl": 1.08}, 0.0),
        ({"sl": 0.0}, None),
    ],
)
def test_a_position_loses_from_its_opening_price_to_its_stop(session, script, position, loss):
    script.say(ticks=TICK, positions=[{"ticket": 5} | position])
    assert valuation(session).position_losses == {5: None if loss is None else pytest.approx(loss)}


@pytest.mark.parametrize(
    ("order", "loss"),
    [
        ({"type": 2, "price_open": 1.1, "sl": 1.09, "volume_current": 0.1}, 100.0),
        ({"type": 3, "price_open": 1.1, "sl": 1.11, "volume_current": 0.2, "volume_initial": 9.0}, 200.0),
        ({"type": 4, "price_open": 1.1, "sl": 1.09, "volume_current": 0.1}, 100.0),
        ({"type": 6, "price_open": 1.3, "price_stoplimit": 1.1, "sl": 1.09, "volume_current": 0.1}, 100.0),
        ({"type": 7, "price_open": 1.0, "price_stoplimit": 1.1, "sl": 1.11, "volume_current": 0.1}, 100.0),
        ({"sl": 0.0}, None),
    ],
)
def test_an_order_loses_from_the_price_that_it_waits_for(session, script, order, loss):
    script.say(ticks=TICK, orders=[{"ticket": 6} | order])
    assert valuation(session).order_losses == {6: None if loss is None else pytest.approx(loss)}


def test_an_order_and_a_position_of_one_ticket_are_kept_apart(session, script):
    script.say(
        ticks=TICK,
        positions=[{"ticket": 5, "sl": 1.09, "volume": 0.1}, {"ticket": 6}],
        orders=[{"ticket": 5, "sl": 1.08, "volume_current": 0.1}],
    )
    found = valuation(session)
    assert found.position_losses == {5: pytest.approx(100.0), 6: None}
    assert found.order_losses == {5: pytest.approx(200.0)}


def test_every_symbol_that_is_open_or_asked_about_has_a_worth_once(session, script):
    names = ["EURUSD", "GBPUSD", "XAUUSD", "USDJPY"]
    script.say(
        symbols=names,
        ticks={name: [[5000, 1.1 + number, 9.0]] for number, name in enumerate(names)},
        positions=[{"symbol": "GBPUSD", "ticket": 1}, {"symbol": "GBPUSD", "ticket": 2}],
        orders=[{"symbol": "XAUUSD"}],
    )
    looked = valuing.report(session, ReportArgs(valued=False))
    found = valuing.valued(session, looked, {"EURUSD": 1.2}, "EURUSD").valuation
    expected = [("GBPUSD", 210_000.0), ("XAUUSD", 310_000.0), ("EURUSD", 120_000.0)]
    assert [(worth.symbol, pytest.approx(worth.money_per_lot)) for worth in found.worths] == expected
    assert [(worth.currency_base, worth.currency_profit) for worth in found.worths] == [("EUR", "USD")] * 3


def test_a_symbol_without_a_tick_is_worth_what_its_rules_say(session, script):
    script.say(positions=[{}])
    (worth,) = valuation(session).worths
    assert worth.money_per_lot == pytest.approx(110_000.0)


@pytest.mark.parametrize("answer", [None, 0.0, -5.0, math.nan, math.inf])
def test_a_worth_that_cannot_be_had_is_unknown(session, script, module, monkeypatch, answer):
    script.say(ticks=TICK, positions=[{}])
    monkeypatch.setattr(module, "order_calc_profit", lambda *_: answer)
    (worth,) = valuation(session).worths
    assert (worth.symbol, worth.currency_base, worth.money_per_lot) == ("EURUSD", "EUR", None)


def test_a_worth_is_asked_for_one_lot_where_the_largest_volume_is_refused(
    session, script, module, monkeypatch
):
    script.say(ticks=TICK, positions=[{}])
    reckon = module.order_calc_profit
    refusing = lambda *args: reckon(*args) if args[2] == 1.0 else None  # noqa: E731
    monkeypatch.setattr(module, "order_calc_profit", refusing)
    (worth,) = valuation(session).worths
    assert worth.money_per_lot == pytest.approx(110_000.0)


def test_a_symbol_that_the_terminal_does_not_know_any_more_is_of_unknown_worth(session, script):
    script.say(positions=[{"symbol": "GONE"}])
    (worth,) = valuation(session).worths
    assert (worth.symbol, worth.currency_base, worth.currency_profit, worth.money_per_lot) == (
        "GONE",
        "",
        "",
        None,
    )


def test_a_symbol_without_any_price_is_of_unknown_worth(session, script, module, monkeypatch):
    monkeypatch.setattr(module, "SYMBOL", module.SYMBOL | {"bid": 0.0})
    script.say(positions=[{}])
    assert [worth.money_per_lot for worth in valuation(session).worths] == [None]


@pytest.mark.parametrize("answer", [None, math.nan, math.inf, -math.inf])
def test_a_loss_that_cannot_be_calculated_is_unknown_and_not_nothing(
    session, script, module, monkeypatch, answer
):
    script.say(ticks=TICK, positions=[{"sl": 1.09}], orders=[{"sl": 1.09}])
    monkeypatch.setattr(module, "order_calc_profit", lambda *_: answer)
    found = valuation(session)
    assert (found.position_losses, found.order_losses) == ({1: None}, {1: None})


def test_a_connection_lost_between_the_questions_is_no_valuation(session, script):
    script.say(positions=[{"sl": 1.09}], errors={"order_calc_profit": [-10001, "IPC send failed"]})
    with pytest.raises(PackageError):
        valuation(session)


def test_a_plain_look_asks_the_calculator_nothing(session, script):
    script.say(
        symbols=["EURUSD", "GBPUSD"],
        ticks={"EURUSD": [[1000, 1.1, 1.2], [2500, 1.1, 1.2]]},
        positions=[{"sl": 1.09}],
        raises={"order_calc_profit": "was asked"},
    )
    session.select(SelectArgs(["EURUSD", "GBPUSD"]))
    plain = valuing.report(session, ReportArgs(valued=False))
    assert (plain.valuation, plain.newest) == (None, {"EURUSD": 2500})
