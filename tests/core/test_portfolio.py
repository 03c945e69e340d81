"""What the account could lose and is exposed to: added up by hand for each way something can be held."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.core.builders import (
    INF,
    NAN,
    NOW,
    make_account,
    make_intent,
    make_limits,
    make_order,
    make_pending,
    make_position,
    make_report,
    make_valuation,
    state_with,
)

from hybrid_bridge.core.account import AccountReport, Worth
from hybrid_bridge.core.cases import find_unseen
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import IntentKind
from hybrid_bridge.core.portfolio import (
    CurrencyExposure,
    Leg,
    Portfolio,
    Stake,
    SymbolHolding,
    add_up,
    entries_of,
    find_stakes,
    find_unbounded,
    find_unknown,
    is_known,
    legs_of,
    open_risk,
    side_of,
    signed,
    view,
)
from hybrid_bridge.core.state import OrderRecord

EUR = Worth("EURUSD", "EUR", "USD", 110_000.0)
JPY = Worth("USDJPY", "USD", "JPY", 100_000.0)
DAX = Worth("GER40", "EUR", "EUR", 20_000.0)
WORTHS = {worth.symbol: worth for worth in (EUR, JPY, DAX)}


def held(ticket: int, symbol: str, lots: float, **changes: Any) -> Any:
    side = Side.BUY if lots > 0 else Side.SELL
    return make_position(ticket=ticket, symbol=symbol, side=side, volume=abs(lots), **changes)


def look(*positions: Any, orders: tuple[Any, ...] = (), **valuation: Any) -> AccountReport:
    return make_report(
        positions=positions, orders=orders, valuation=make_valuation(**{"worths": WORTHS, **valuation})
    )


def unseen(kind: IntentKind = IntentKind.ENTRY, risk: float = 20.0, **changes: Any) -> list[OrderRecord]:
    """Return an order in doubt, for 0.1 lots of EURUSD unless changed."""
    worth = changes.pop("worth", EUR)
    volume = changes.pop("lots", 0.1)
    intent = make_intent(kind=kind, **changes)
    order = replace(make_order(intent, risk_money=risk, volume=volume), worth=worth)
    return find_unseen(state_with(order), make_limits(), make_report(), NOW)


# Open risk


@pytest.mark.parametrize(
    ("positions", "orders", "expected"),
    [
        ({}, {}, 0.0),
        ({500: 30.0}, {}, 30.0),
        ({500: 0.1, 501: 0.2}, {}, 0.3),
        ({500: 30.0}, {900: 12.5}, 42.5),
        ({500: 0.0}, {}, 0.0),
        ({500: -5.0}, {900: 12.5}, 12.5),  # A profit at the stop pays for nothing else.
        ({500: None}, {}, None),
        ({500: 30.0}, {900: None}, None),
        ({500: NAN}, {}, None),
        ({500: INF}, {}, None),
        ({}, {900: -INF}, None),
    ],
)
def test_the_open_risk_is_the_sum_of_what_is_lost_at_each_stop(
    positions: dict[int, float | None], orders: dict[int, float | None], expected: float | None
) -> None:
    report = look(
        *(make_position(ticket=ticket) for ticket in positions),
        orders=tuple(make_pending(ticket=ticket) for ticket in orders),
        position_losses=positions,
        order_losses=orders,
    )

    assert expected == open_risk(report)
    assert (expected is None) == bool(find_unbounded(report))


def test_what_was_not_valued_is_not_taken_for_harmless() -> None:
    assert open_risk(look(make_position())) is None
    assert open_risk(look(orders=(make_pending(),))) is None
    assert open_risk(make_report(positions=(make_position(),), valuation=None)) is None
    assert open_risk(make_report(valuation=None)) == 0.0


def test_what_is_not_bounded_is_named() -> None:
    report = look(
        make_position(),
        make_position(ticket=501),
        orders=(make_pending(),),
        position_losses={500: 1.0, 501: None},
        order_losses={900: None},
    )

    assert find_unbounded(report) == "position 501"
    assert find_unbounded(look(orders=(make_pending(),))) == "pending order 900"
    assert find_unbounded(look(), unseen(stop_loss=0.0)) == "signal s-1"
    assert find_unbounded(look(), unseen(risk=NAN)) == "signal s-1"
    assert find_unbounded(look(), unseen()) == ""


def test_an_entry_that_no_look_shows_yet_counts_with_what_it_reserves() -> None:
    report = look(make_position(), position_losses={500: 30.0})

    assert open_risk(report, unseen(risk=20.5)) == 50.5
    assert open_risk(report, unseen(IntentKind.CLOSE, risk=99.0, ticket=500, stop_loss=0.0)) == 30.0
    assert open_risk(report, unseen(stop_loss=0.0)) is None


# Stakes


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (look(held(1, "EURUSD", 0.5)), [Stake("EURUSD", 0.5, True, EUR)]),
        (look(held(1, "EURUSD", -0.5)), [Stake("EURUSD", -0.5, True, EUR)]),
        (look(held(1, "XAUUSD", 1.0)), [Stake("XAUUSD", 1.0, True, None)]),
        *(
            (look(orders=(make_pending(type=kind, volume=0.3),)), [Stake("EURUSD", lots, False, EUR)])
            for kind, lots in (
                (0, 0.3),
                (1, -0.3),
                (2, 0.3),
                (3, -0.3),
                (4, 0.3),
                (5, -0.3),
                (6, 0.3),
                (7, -0.3),
            )
        ),
        (make_report(positions=(make_position(),), valuation=None), [Stake("EURUSD", 0.5, True, None)]),
    ],
)
def test_what_is_held_and_what_waits_is_staked(report: AccountReport, expected: list[Stake]) -> None:
    assert expected == find_stakes(report)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (unseen(), [Stake("EURUSD", 0.1, False, EUR)]),
        (unseen(side=Side.SELL), [Stake("EURUSD", -0.1, False, EUR)]),
        (unseen(worth=None), [Stake("EURUSD", 0.1, False, None)]),
        (unseen(IntentKind.CLOSE, ticket=500), [Stake("EURUSD", -0.1, False, EUR)]),
        (unseen(IntentKind.CLOSE, ticket=500, lots=9.0), [Stake("EURUSD", -0.5, False, EUR)]),
        (unseen(IntentKind.CLOSE, ticket=499), []),
        (unseen(IntentKind.MODIFY, ticket=500), []),
        (unseen(IntentKind.CANCEL, ticket=900), []),
    ],
)
def test_what_was_sent_is_staked_by_what_it_may_do(records: list[OrderRecord], expected: list[Stake]) -> None:
    assert [Stake("EURUSD", 0.5, True, EUR), *expected] == find_stakes(
        look(held(500, "EURUSD", 0.5)), records
    )


def test_the_close_of_a_sell_may_buy() -> None:
    records = unseen(IntentKind.CLOSE, ticket=500, side=Side.SELL)

    assert find_stakes(look(held(500, "EURUSD", -0.5)), records)[1] == Stake("EURUSD", 0.1, False, EUR)


def test_only_entries_open_anything() -> None:
    assert [order.intent.number for order in entries_of(unseen())] == [1]
    assert entries_of(unseen(IntentKind.CLOSE, ticket=500)) == []


@pytest.mark.parametrize(("kind", "side"), [(0, Side.BUY), (1, Side.SELL), (2, Side.BUY), (7, Side.SELL)])
def test_even_order_types_buy(kind: int, side: Side) -> None:
    assert side is side_of(kind)


def test_sold_lots_count_below_zero() -> None:
    assert (signed(Side.BUY, 0.3), signed(Side.SELL, 0.3)) == (0.3, -0.3)


# Currencies


@pytest.mark.parametrize(
    ("worth", "legs"),
    [
        (EUR, ("EUR", "USD")),
        (JPY, ("USD", "JPY")),
        (DAX, ("GER40", "EUR")),
        (Worth("US500", "", "USD", 5.0), ("US500", "USD")),
        (Worth("XAUUSD", "XAU", "USD", 5.0), ("XAU", "USD")),
    ],
)
def test_a_symbol_has_two_legs(worth: Worth, legs: tuple[str, str]) -> None:
    assert legs == legs_of(worth)


@pytest.mark.parametrize("bad", [None, NAN, INF, -INF, 0.0, -1.0])
def test_a_worth_that_is_no_money_is_not_known(bad: float | None) -> None:
    worth = Worth("EURUSD", "EUR", "USD", bad)

    assert not is_known(worth)
    assert find_unknown([Stake("EURUSD", 0.1, True, worth)]) == "EURUSD"
    assert add_up([Stake("EURUSD", 0.1, True, worth)]) is None


@pytest.mark.parametrize(
    "stake",
    [
        Stake("EURUSD", 0.1, False, None),
        Stake("EURUSD", NAN, True, EUR),
        Stake("EURUSD", INF, True, EUR),
        Stake("EURUSD", 0.1, True, Worth("EURUSD", "EUR", "", 110_000.0)),
    ],
)
def test_a_stake_that_is_not_known_leaves_no_sum(stake: Stake) -> None:
    sound = Stake("GER40", 1.0, True, DAX)

    assert find_unknown([sound, stake]) == "EURUSD"
    assert add_up([sound, stake]) is None
    assert find_unknown([sound]) == ""


def sums(*stakes: tuple[Worth, float, bool]) -> dict[str, tuple[float, ...]]:
    legs = add_up([Stake(worth.symbol, lots, certain, worth) for worth, lots, certain in stakes])
    assert legs is not None
    return {
        name: tuple(float(part) for part in (leg.held, leg.gross, leg.buying, leg.selling, leg.worst))
        for name, leg in legs.items()
    }


def test_a_buy_adds_to_one_leg_and_takes_from_the_other() -> None:
    assert sums((EUR, 0.5, True)) == {
        "EUR": (55_000.0, 55_000.0, 0.0, 0.0, 55_000.0),
        "USD": (-55_000.0, 55_000.0, 0.0, 0.0, 55_000.0),
    }
    assert sums((EUR, -0.5, False)) == {
        "EUR": (0.0, 0.0, 0.0, -55_000.0, 55_000.0),
        "USD": (0.0, 0.0, 55_000.0, 0.0, 55_000.0),
    }


def test_orders_that_wait_on_one_side_add_up() -> None:
    assert sums((EUR, 0.1, False), (EUR, 0.2, False), (EUR, -0.1, False)) == {
        "EUR": (0.0, 0.0, 33_000.0, -11_000.0, 33_000.0),
        "USD": (0.0, 0.0, 11_000.0, -33_000.0, 33_000.0),
    }


def test_what_is_worth_less_than_one_of_the_account_s_money_is_on_its_own_side() -> None:
    penny = replace(EUR, money_per_lot=1.0)

    assert sums((penny, 0.5, False)) == {
        "EUR": (0.0, 0.0, 0.5, 0.0, 0.5),
        "USD": (0.0, 0.0, 0.0, -0.5, 0.5),
    }


def test_symbols_meet_in_their_currencies() -> None:
    # Long EUR against USD, long USD against JPY: the dollars net out, the gross does not.
    assert sums((EUR, 0.5, True), (JPY, 0.4, True), (DAX, 1.0, True)) == {
        "EUR": (35_000.0, 75_000.0, 0.0, 0.0, 35_000.0),
        "USD": (-15_000.0, 95_000.0, 0.0, 0.0, 15_000.0),
        "JPY": (-40_000.0, 40_000.0, 0.0, 0.0, 40_000.0),
        "GER40": (20_000.0, 20_000.0, 0.0, 0.0, 20_000.0),
    }


@pytest.mark.parametrize(
    ("stakes", "worst"),
    [
        (((0.5, True), (0.2, False)), 70.0),
        (((0.5, True), (-0.2, False)), 50.0),
        (((0.5, True), (-2.0, False)), 150.0),
        (((0.5, True), (0.3, False), (-2.0, False)), 150.0),
        (((0.5, True), (1.3, False), (-2.0, False)), 180.0),
        (((0.5, True), (-0.5, True)), 0.0),
        (((-0.5, True), (0.2, False)), 50.0),
        (((-0.5, True), (2.0, False)), 150.0),
    ],
)
def test_the_worst_is_over_whichever_orders_fill(
    stakes: tuple[tuple[float, bool], ...], worst: float
) -> None:
    worth = Worth("EURUSD", "EUR", "USD", 100.0)

    assert sums(*((worth, lots, certain) for lots, certain in stakes))["EUR"][-1] == worst


@pytest.mark.parametrize(
    ("leg", "limit", "buying", "selling"),
    [
        (Leg(), 100, 100, 100),
        (Leg(held=Decimal(40)), 100, 60, 140),
        (Leg(held=Decimal(-40)), 100, 140, 60),
        (Leg(held=Decimal(40), buying=Decimal(30)), 100, 30, 140),
        (Leg(held=Decimal(40), selling=Decimal(-30)), 100, 60, 110),
        # Beyond the limit already: it may fall, and on the far side come to what it was.
        (Leg(held=Decimal(150)), 100, 0, 300),
        (Leg(held=Decimal(-150)), 100, 300, 0),
        (Leg(held=Decimal(150), selling=Decimal(-350)), 100, 50, 0),
    ],
)
def test_the_room_of_a_leg_ends_at_the_limit_or_where_it_is_already(
    leg: Leg, limit: int, buying: int, selling: int
) -> None:
    assert leg.room(Side.BUY, Decimal(limit)) == buying
    assert leg.room(Side.SELL, Decimal(limit)) == selling


# The whole


def test_an_empty_account_has_an_empty_portfolio() -> None:
    assert view(make_report()) == Portfolio(0.0, 0.0, {}, {})


def test_a_portfolio_shows_risk_currencies_and_symbols() -> None:
    report = look(
        held(1, "EURUSD", 0.5),
        held(2, "EURUSD", -0.2),
        held(3, "GER40", 1.0),
        orders=(make_pending(symbol="USDJPY", volume=0.1),),
        position_losses={1: 30.0, 2: 20.0, 3: 0.0},
        order_losses={900: 50.0},
    )

    assert view(report, unseen()) == Portfolio(
        open_risk=120.0,
        open_risk_percent=1.2,
        currencies={
            "EUR": CurrencyExposure(13_000.0, 97_000.0, 24_000.0),
            "GER40": CurrencyExposure(20_000.0, 20_000.0, 20_000.0),
            "JPY": CurrencyExposure(0.0, 0.0, 10_000.0),
            "USD": CurrencyExposure(-33_000.0, 77_000.0, 44_000.0),
        },
        symbols={
            "EURUSD": SymbolHolding(0.3, 0.7, 33_000.0, 77_000.0),
            "GER40": SymbolHolding(1.0, 1.0, 20_000.0, 20_000.0),
        },
    )


def test_what_is_not_known_is_shown_as_that() -> None:
    portfolio = view(make_report(positions=(make_position(),), valuation=None))

    assert portfolio == Portfolio(None, None, None, {"EURUSD": SymbolHolding(0.5, 0.5, None, None)})


@pytest.mark.parametrize("equity", [NAN, INF, 0.0, -5.0])
def test_without_an_equity_the_risk_has_no_percent(equity: float) -> None:
    portfolio = view(make_report(account=make_account(equity=equity)))

    assert (portfolio.open_risk, portfolio.open_risk_percent) == (0.0, None)
