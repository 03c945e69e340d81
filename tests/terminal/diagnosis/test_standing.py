"""What terminal and account permit, each fault made at a real simulated terminal."""

import pytest
from tests.terminal.diagnosis.looks import keys, looked, settings_for, step
from tests.terminal.support import terminal_settings

from hybrid_bridge.findings import Verdict
from hybrid_bridge.terminal.diagnosis.operations import AccountState, StateReply, TerminalState
from hybrid_bridge.terminal.diagnosis.standing import judge_state

LOGIN = 10_000_001


@pytest.mark.parametrize(
    ("name", "key", "where"),
    [
        ("link_down", "link_down", "broker"),
        ("autotrading_off", "algo_off", "Algo Trading"),
        ("api_off", "api_off", "orders from Python"),
        ("trading_off", "account_read_only", "account's rights"),
        ("experts_off", "account_no_experts", "account's rights"),
    ],
)
async def test_a_switch_that_is_off(address, control, name, key, where):
    control.fault(name)
    found = await looked(settings_for(address))
    assert key in keys(found)
    assert key == step(found, where).fault.key


async def test_the_menu_paths_are_those_of_the_terminal(address, control):
    control.fault("autotrading_off")
    control.fault("api_off")
    found = await looked(settings_for(address))
    assert "the button Algo Trading" in step(found, "Algo Trading").fault.mend
    assert "Tools > Options > Expert Advisors" in step(found, "orders from Python").fault.mend


async def test_a_terminal_that_is_too_old(started):
    found = await looked(settings_for(started("--build", "2000")))
    assert ["build_old"] == keys(found)
    assert "Help > Check Desktop Updates" in step(found, "terminal").fault.mend


async def test_another_account_and_what_it_may_is_nobodys_concern(address, control):
    control.fault("other_account", login=555)
    control.fault("trading_off")
    found = await looked(settings_for(address, mt5_login=LOGIN))
    assert ["other_account"] == keys(found)
    assert "555 on Simulator-Demo, not 10000001" == step(found, "account").fault.seen
    assert "log in to account 10000001, File > Login to Trade Account, or correct MT5_LOGIN" == (
        step(found, "account").fault.mend
    )
    assert Verdict.SKIPPED is step(found, "account's rights").verdict


async def test_no_account_is_ever_named_while_one_is_logged_in(address, control):
    control.fault("other_account", login=555)
    before = control.stats()["calls"].get("login", 0)
    await looked(settings_for(address, mt5_login=LOGIN, mt5_password="secret"))
    assert before == control.stats()["calls"].get("login", 0)


async def test_another_server(address):
    found = await looked(settings_for(address, mt5_server="Broker-Live"))
    assert ["other_server"] == keys(found)
    assert "10000001 on Simulator-Demo, not Broker-Live" == step(found, "account").fault.seen


def judged(path: str = r"C:\MT5", **settings):
    terminal = TerminalState("MetaTrader 5", "Broker", path, 5000, True, True, False, 12_500)
    account = AccountState(77, "Broker-Live", "EUR", 30, 2, 0, True, True)
    wanted = terminal_settings(mt5_backend="terminal", **settings)
    return {finding.step: finding for finding in judge_state(StateReply(terminal, account), wanted)}


def test_another_terminal_than_the_one_that_is_named():
    found = judged(r"C:\Other", mt5_path=r"C:\MT5\terminal64.exe", mt5_login=77)
    assert "other_terminal" == found["terminal"].fault.key
    assert r"C:\Other answered, not C:\MT5\terminal64.exe" == found["terminal"].fault.seen
    assert judged(mt5_path=r"C:\MT5\terminal64.exe", mt5_login=77)["terminal"].fault is None


def test_an_account_that_the_bridge_was_not_told():
    found = judged()["account"]
    assert (Verdict.NOTE, "login_unset") == (found.verdict, found.fault.key)
    assert "if it is this account that is meant, set MT5_LOGIN=77" == found.fault.mend
    assert Verdict.OK is judged()["account's rights"].verdict


def test_what_an_account_is_stands_in_words():
    assert "77 on Broker-Live, real money, EUR, 1:30, netting" == judged(mt5_login=77)["account"].seen
    assert "connected, ping 12.5 ms" == judged(mt5_login=77)["broker"].seen
