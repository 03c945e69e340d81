import pytest
from tests.terminal.support import terminal_settings

from hybrid_bridge.terminal.identity import mismatch, same_folder
from hybrid_bridge.terminal.operations import ConnectReply

FOLDER = r"C:\Program Files\MetaTrader 5"
FOUND = ConnectReply(login=1001, server="Broker-Demo", path=FOLDER, build=5000)


def wanted(**settings):
    complete = {"mt5_login": 1001, "mt5_server": "Broker-Demo", "mt5_path": FOLDER + r"\terminal64.exe"}
    return terminal_settings(**(complete | settings))


def test_the_expected_terminal_has_no_mismatch():
    assert mismatch(FOUND, wanted()) == ""


def test_what_the_settings_leave_open_is_not_compared():
    assert mismatch(FOUND, terminal_settings()) == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mt5_login": 7}, "account 1001 is logged in, MT5_LOGIN expects 7"),
        ({"mt5_server": "Broker-Live"}, "on server 'Broker-Demo', MT5_SERVER expects 'Broker-Live'"),
        ({"mt5_path": r"D:\Other\terminal64.exe"}, "MT5_PATH expects"),
    ],
)
def test_each_difference_is_named_with_both_sides_and_a_remedy(settings, words):
    problem = mismatch(FOUND, wanted(**settings))
    assert words in problem
    assert "log in to the expected account" in problem


def test_the_program_folder_does_not_count_in_simulation():
    assert mismatch(FOUND, wanted(mt5_path="/nowhere/terminal64.exe", simulation_mode=True)) == ""


@pytest.mark.parametrize(
    "program",
    [
        r"C:\Program Files\MetaTrader 5\terminal64.exe",
        "C:/Program Files/MetaTrader 5/terminal64.exe",
        r"c:\PROGRAM files\metatrader 5\TERMINAL64.EXE",
        r"C:\Program Files\Other\..\MetaTrader 5\terminal64.exe",
        "C:/Program Files/MetaTrader 5/",
    ],
)
def test_spellings_of_one_windows_folder_are_the_same(program):
    assert same_folder(program, FOLDER)


def test_case_counts_where_the_file_system_minds_it(tmp_path):
    assert not same_folder("/opt/mt5/terminal64.exe", "/opt/MT5")
    assert same_folder("/opt/mt5/terminal64.exe", "/opt/mt5/")


def test_a_link_to_the_folder_is_the_folder(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "terminal64.exe").touch()
    (tmp_path / "link").symlink_to(real)
    if not (tmp_path / "link").exists():
        pytest.skip("Wine makes no links, though it says that it does")
    assert same_folder(str(tmp_path / "link" / "terminal64.exe"), str(real))
