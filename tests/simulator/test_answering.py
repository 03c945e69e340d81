"""What a terminal answers, when, and how faults spoil it; without any socket."""

from typing import Any

import pytest
from tests.simulator.trading import Account, dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.accounts import Accounts
from hybrid_bridge.simulator.answering import Answer, Answering
from hybrid_bridge.simulator.faults import FaultBoard
from hybrid_bridge.simulator.records import TradeRequest
from hybrid_bridge.simulator.wire import Command

BUY = TradeRequest(
    action=mt5.TRADE_ACTION_DEAL, symbol="EURUSD", volume=1.0, type_filling=mt5.ORDER_FILLING_IOC
)


class Desk:
    """Asks one terminal and keeps its answers."""

    def __init__(self) -> None:
        self.account: Account = dollar_account()
        self.faults = FaultBoard()
        self.accounts = Accounts(self.account.exchange)
        self.answering = Answering(self.accounts, self.faults)
        self.answers: list[Answer] = []

    def ask(self, command: Command, *parameters: Any, connected_s: float = 0.0) -> Any:
        """Ask, and give the value or the negative result of an answer that comes at once."""
        count = len(self.answers)
        self.answering.answer(wire.encode_request(command, *parameters)[4:], connected_s, self.answers.append)
        if len(self.answers) == count or self.answers[-1].hang_up:
            return None
        number, result, data = wire.decode_reply(self.answers[-1].frame[4:])
        assert command == number
        return wire.decode_reply_data(command, data) if result >= 0 else result


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_executed_rejection_and_an_executed_error_have_filled(desk: Desk) -> None:
    desk.faults.add_text("reject:retcode=10012,executed=yes; error:code=-10005,executed=yes")
    assert mt5.TRADE_RETCODE_TIMEOUT == desk.ask(Command.ORDER_SEND, BUY).retcode
    assert -10005 == desk.ask(Command.ORDER_SEND, BUY)
    assert 2 == desk.ask(Command.POSITIONS_TOTAL)


async def test_what_a_lost_reply_did_may_be_shown_late_or_never(desk: Desk) -> None:
    desk.faults.add_text("lose_reply:shown=never")
    assert desk.ask(Command.ORDER_SEND, BUY) is None
    assert desk.answers[-1].hang_up
    assert (0, ()) == (desk.ask(Command.POSITIONS_TOTAL), desk.ask(Command.POSITIONS_GET))
    assert 1 == len(desk.account.exchange.positions())
    desk.faults.clear()
    desk.answering.waits.release()
    assert 1 == desk.ask(Command.POSITIONS_TOTAL)


def test_a_placed_order_is_filled_by_a_later_tick(desk: Desk) -> None:
    desk.faults.add_text("placed:seconds=0.05")
    result = desk.ask(Command.ORDER_SEND, BUY)
    assert (mt5.TRADE_RETCODE_PLACED, 0) == (result.retcode, result.deal)
    assert [result.order] == [order.ticket for order in desk.ask(Command.ORDERS_GET)]
    desk.account.quote("EURUSD", 1.085, 1.0851)
    assert [result.order] == [position.ticket for position in desk.ask(Command.POSITIONS_GET)]


def test_fills_comments_and_prices_are_spoilt(desk: Desk) -> None:
    desk.faults.add_text("partial:share=0.3; rewrite:comment=from broker; zero_price")
    partial, rewritten, priceless = (desk.ask(Command.ORDER_SEND, BUY) for _ in range(3))
    assert (mt5.TRADE_RETCODE_DONE_PARTIAL, 0.3) == (partial.retcode, partial.volume)
    assert "from broker" == desk.account.exchange.history_deal(rewritten.deal).comment
    assert (mt5.TRADE_RETCODE_DONE, 0.0) == (priceless.retcode, priceless.price)
    assert 1.0851 == desk.account.exchange.history_deal(priceless.deal).price


def test_too_many_orders_in_a_second_are_refused(desk: Desk) -> None:
    desk.faults.add_text("rate_limit:per_second=2")
    assert [10009, 10009, 10024] == [desk.ask(Command.ORDER_SEND, BUY).retcode for _ in range(3)]
    assert 2 == desk.ask(Command.POSITIONS_TOTAL)


async def test_history_lags_after_a_connection(desk: Desk) -> None:
    desk.ask(Command.ORDER_SEND, BUY)
    desk.faults.add_text("history_lag:seconds=60")
    desk.ask(Command.HELLO, 3, "Python")
    assert 0 == desk.ask(Command.HISTORY_ORDERS_TOTAL, 0, 2**31 - 1)
    assert 1 == desk.ask(Command.POSITIONS_TOTAL)
    desk.answering.waits.release()
    assert 1 == desk.ask(Command.HISTORY_ORDERS_TOTAL, 0, 2**31 - 1)


def test_a_terminal_that_starts_slowly_is_not_authorised_yet(desk: Desk) -> None:
    desk.faults.add_text("slow_start:seconds=1e9")
    assert desk.ask(Command.AUTHORISATION) not in (wire.AUTHORISED, wire.REFUSED)
    assert wire.AUTHORISED == desk.ask(Command.AUTHORISATION, connected_s=-1e10)
