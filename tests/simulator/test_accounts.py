"""Which account the terminal is logged in to."""

from tests.simulator.trading import dollar_account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.accounts import Accounts


def test_another_account_has_money_and_positions_of_its_own() -> None:
    account = dollar_account()
    account.buy("EURUSD", 0.1, type_filling=mt5.ORDER_FILLING_IOC)
    accounts = Accounts(account.exchange)
    accounts.log_in((55, 777.0))
    info = accounts.current.view.account_info()
    assert (55, 777.0) == (info.login, info.balance)
    assert () == accounts.current.view.positions()
    assert 1.0851 == accounts.current.exchange.symbol_info_tick("EURUSD").ask
    accounts.log_in(None)
    assert 10000001 == accounts.current.view.account_info().login
    assert 1 == accounts.current.view.position_count()


def test_every_account_gets_every_tick() -> None:
    account = dollar_account()
    accounts = Accounts(account.exchange)
    accounts.log_in((55, 777.0))
    accounts.on_tick("EURUSD", account.now_msc + 500, 1.2, 1.3)
    assert [1.2, 1.2] == [each.exchange.symbol_info_tick("EURUSD").bid for each in accounts]
    accounts.advance_clock(account.now_msc + 9000)
    assert [account.now_msc + 9000] * 2 == [each.exchange.server_msc for each in accounts]
