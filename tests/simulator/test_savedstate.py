"""An account that outlives its terminal."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.simulator.trading import DAY_MSC, DONE, HOUR_MSC, Account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.config import ExchangeConfig
from hybrid_bridge.simulator.savedstate import SavedState, SavedStateError

CONFIG = ExchangeConfig()
Boot = Callable[[], Account]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "account.jsonl"


@pytest.fixture
def boot(path: Path) -> Iterator[Boot]:
    """Start a terminal on the saved account; the one before it is not closed but killed."""
    with ExitStack() as files:
        yield lambda: Account(state=files.enter_context(SavedState(path, CONFIG)))


def traded(boot: Boot) -> Account:
    """Give an account with a position, a waiting order and a history."""
    account = boot()
    account.quote("EURUSD", 1.08500, 1.08510)
    closing = account.buy("EURUSD", 0.1)
    account.sell("EURUSD", 0.1, position=closing.order)
    account.buy("EURUSD", 0.3, sl=1.08, comment="kept")
    account.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 0.2, 1.07)
    return account


def test_a_killed_terminal_comes_back_with_its_account(boot: Boot) -> None:
    before = traded(boot)
    after = boot()
    assert before.exchange.orders()[0]._replace(price_current=0.0) == after.exchange.orders()[0]
    assert before.exchange.history_deals(0, 2**40) == after.exchange.history_deals(0, 2**40)
    assert before.balance() == after.balance() == 9999.0
    (position,) = after.exchange.positions()
    assert ("kept", 0.3, 1.0851, 1.08) == (
        position.comment,
        position.volume,
        position.price_open,
        position.sl,
    )
    assert before.exchange.server_msc == after.exchange.server_msc


def test_positions_are_worth_what_they_cost_until_the_first_tick(boot: Boot) -> None:
    traded(boot)
    after = boot()
    assert 9999.0 == after.exchange.account_info().equity
    after.now_msc += 1000
    after.quote("EURUSD", 1.08410, 1.08420)
    assert 9999.0 - 30.0 == after.exchange.account_info().equity
    after.quote("EURUSD", 1.08000, 1.08010)
    assert () == after.exchange.positions()


def test_trading_goes_on_with_new_tickets(boot: Boot) -> None:
    before = traded(boot)
    used = {order.ticket for order in before.exchange.history_orders(0, 2**40)}
    used |= {order.ticket for order in before.exchange.orders()}
    after = boot()
    after.quote("EURUSD", 1.08500, 1.08510, after_msc=1000)
    result = after.buy("EURUSD", 0.1)
    assert (DONE, True) == (result.retcode, result.order > max(used))
    again = boot()
    assert 2 == len(again.exchange.positions())


def test_midnight_passed_while_the_terminal_was_down_costs_its_swap(boot: Boot) -> None:
    traded(boot)
    after = boot()
    after.wait(DAY_MSC + HOUR_MSC)
    assert -2.07 == after.position().swap


def test_an_order_expired_while_the_terminal_was_down_expires(boot: Boot) -> None:
    before = boot()
    before.quote("EURUSD", 1.08500, 1.08510)
    before.pending(mt5.ORDER_TYPE_BUY_LIMIT, "EURUSD", 0.1, 1.07, type_time=mt5.ORDER_TIME_DAY)
    after = boot()
    after.wait(DAY_MSC)
    assert () == after.exchange.orders()


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_a_line_cut_short_by_a_kill_is_what_never_happened(path: Path, boot: Boot, cut: int) -> None:
    account = boot()
    account.quote("EURUSD", 1.08500, 1.08510)
    account.buy("EURUSD", 0.1)
    whole = path.read_bytes()
    account.buy("EURUSD", 0.2)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(path.read_bytes()) > len(whole)
    after = boot()
    assert [0.1] == [position.volume for position in after.exchange.positions()]
    assert whole == path.read_bytes()


def test_a_file_of_another_account_is_refused(path: Path, boot: Boot) -> None:
    traded(boot)
    with pytest.raises(SavedStateError, match=r"is of .*10000001.*, expected .*7.*move the file away"):
        SavedState(path, ExchangeConfig(login=7))


@pytest.mark.parametrize("line", ["oops", '[["deal"]]', '[["position_gone",1]]', '[["party",1]]'])
def test_a_broken_file_is_refused_by_line(path: Path, boot: Boot, line: str) -> None:
    traded(boot)
    lines = len(path.read_text("utf-8").splitlines())
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(SavedStateError, match=f"line {lines + 1}: .*move the file away"):
        boot()


def test_an_empty_file_is_a_new_account(path: Path) -> None:
    path.touch()
    with SavedState(path, CONFIG) as state:
        assert state.is_new
        assert 10_000.0 == Account(state=state).balance()
    with SavedState(path, CONFIG) as state:
        assert not state.is_new
