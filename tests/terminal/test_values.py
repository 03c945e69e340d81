import pytest

from hybrid_bridge.core.account import BalanceOperation, Worth
from hybrid_bridge.core.market import Side
from hybrid_bridge.terminal import values
from hybrid_bridge.terminal.clock import ServerClock
from hybrid_bridge.terminal.operations import ReportReply, ValuationReply
from hybrid_bridge.terminal.rows import (
    AccountRow,
    BookingRow,
    DealRow,
    OrderRow,
    PositionRow,
    QuoteRow,
    SymbolRow,
    TerminalRow,
    WorthRow,
)

CLOCK = ServerClock(7200)
UNKNOWN_CLOCK = ServerClock()


def test_a_symbols_rules_keep_their_places():
    row = SymbolRow("X", 5, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 8, 9, 3, 2, 4, "B", "P", "M")
    spec = values.symbol_spec(row)
    assert (spec.name, spec.digits, spec.point, spec.tick_size, spec.contract_size) == ("X", 5, 0.1, 0.2, 0.3)
    assert (spec.volume_min, spec.volume_max, spec.volume_step, spec.volume_limit) == (0.4, 0.5, 0.6, 0.7)
    assert (spec.stops_level, spec.freeze_level, spec.filling_mode) == (8, 9, 3)
    assert (spec.execution_mode, spec.trade_mode) == (2, 4)
    assert (spec.currency_base, spec.currency_profit, spec.currency_margin) == ("B", "P", "M")


def test_a_quote_is_in_utc_or_without_time_or_none():
    assert values.quote("X", QuoteRow(1.0, 1.1, 7_200_500), CLOCK).time_msc == 500
    assert values.quote("X", QuoteRow(1.0, 1.1, 7_200_500), UNKNOWN_CLOCK).time_msc is None
    assert values.quote("X", QuoteRow(0.0, 0.0, 0), CLOCK) is None


@pytest.mark.parametrize(("mode", "hedging"), [(0, False), (1, False), (2, True)])
def test_an_accounts_figures_keep_their_places(mode, hedging):
    row = AccountRow(7, "S", "EUR", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 30, True, False, mode)
    account = values.account(row)
    assert (account.login, account.server, account.currency, account.leverage) == (7, "S", "EUR", 30)
    assert (account.balance, account.equity, account.profit) == (1.0, 2.0, 3.0)
    assert (account.margin, account.free_margin, account.margin_level) == (4.0, 5.0, 6.0)
    assert (account.trade_allowed, account.trade_expert, account.hedging) == (True, False, hedging)


def test_a_terminals_state_keeps_its_places():
    status = values.terminal_status(TerminalRow("P", 5, True, False, True))
    assert (status.path, status.build) == ("P", 5)
    assert (status.connected, status.trade_allowed, status.api_disabled) == (True, False, True)


def test_a_position_keeps_its_places():
    row = PositionRow(1, 2, "X", 1, 0.5, 1.1, 1.2, 1.3, 1.4, -5.0, -0.1, 42, "c", 7_200_001)
    position = values.position(row, CLOCK)
    assert (position.ticket, position.identifier, position.symbol, position.side) == (1, 2, "X", Side.SELL)
    assert (position.volume, position.price_open, position.price_current) == (0.5, 1.1, 1.2)
    assert (position.stop_loss, position.take_profit, position.profit, position.swap) == (
        1.3,
        1.4,
        -5.0,
        -0.1,
    )
    assert (position.magic, position.comment, position.time_msc) == (42, "c", 1)


def test_orders_keep_their_places():
    row = OrderRow(1, 2, "X", 3, 4, 0.9, 0.4, 1.1, 9.9, 1.2, 1.3, 42, "c")
    pending = values.pending_order(row)
    assert (pending.ticket, pending.symbol, pending.type, pending.volume) == (1, "X", 3, 0.4)
    assert (pending.price_open, pending.stop_loss, pending.take_profit) == (1.1, 1.2, 1.3)
    assert (pending.magic, pending.comment) == (42, "c")
    historic = values.historic_order(row)
    assert (historic.ticket, historic.position_id, historic.symbol, historic.state) == (1, 2, "X", 4)
    assert (historic.volume_initial, historic.volume_current) == (0.9, 0.4)
    assert (historic.magic, historic.comment) == (42, "c")


def test_deals_keep_their_places_and_bookings_are_left_out():
    row = DealRow(1, 2, 3, "X", 0, 1, 0.5, 1.1, 9.0, -1.0, -0.2, -0.3, 42, "c", 7_200_003)
    booking = DealRow(9, 0, 0, "", 2, 0, 0.0, 0.0, 1000.0, 0.0, 0.0, 0.0, 0, "deposit", 1)
    (deal,) = values.deals([booking, row], CLOCK)
    assert (deal.ticket, deal.order, deal.position_id, deal.symbol, deal.side) == (1, 2, 3, "X", Side.BUY)
    assert (deal.entry, deal.volume, deal.price, deal.profit) == (1, 0.5, 1.1, 9.0)
    assert (deal.commission, deal.swap, deal.fee) == (-1.0, -0.2, -0.3)
    assert (deal.magic, deal.comment, deal.time_msc) == (42, "c", 3)


ACCOUNT = AccountRow(7, "S", "EUR", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 30, True, False, 2)
TERMINAL = TerminalRow("P", 5, True, False, True)


def report_of(clock=CLOCK, **fields):
    reply = {"positions": [], "orders": [], "newest": {}, "bookings": [], "explained": True} | fields
    return values.account_report(ReportReply(ACCOUNT, TERMINAL, **reply), clock, 5)


def test_a_valuation_keeps_what_is_known_and_what_is_not():
    worths = [WorthRow("X", "B", "P", 1.5), WorthRow("Y", "", "", None)]
    valuation = report_of(valuation=ValuationReply({1: 2.0, 2: None}, {1: 3.0}, worths)).valuation
    assert valuation.position_losses == {1: 2.0, 2: None}
    assert valuation.order_losses == {1: 3.0}
    assert valuation.worths == {"X": Worth("X", "B", "P", 1.5), "Y": Worth("Y", "", "", None)}
    assert report_of().valuation is None


@pytest.mark.parametrize("explained", [True, False])
def test_money_that_no_deal_explains_yet_is_said_to_be_so(explained):
    assert report_of(explained=explained).money_explained is explained


def test_what_was_paid_in_or_out_is_in_utc_as_soon_as_that_is_known():
    bookings = [BookingRow(8, -50.0, 7_200_004), BookingRow(9, 100.0, 7_200_005)]
    assert report_of(bookings=bookings).balance_operations == (
        BalanceOperation(8, -50.0, 4),
        BalanceOperation(9, 100.0, 5),
    )
    (operation,) = report_of(UNKNOWN_CLOCK, bookings=bookings[:1]).balance_operations
    assert operation == BalanceOperation(8, -50.0, None)
