"""initialize, login, shutdown, version and last_error, against a scripted terminal."""

from typing import Any

import pytest

from hybrid_bridge.simulator import module as mt5
from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.wire import Command

pytestmark = pytest.mark.usefixtures("fresh_session")
SUCCESS = (1, "Success")


def commands(scripted: Any) -> list[Command]:
    return [command for command, _ in scripted.requests]


def test_a_fresh_process_has_no_error_yet() -> None:
    assert mt5.last_error() == (0, "")


def test_nothing_works_before_initialize() -> None:
    for ask in (mt5.terminal_info, mt5.account_info, mt5.positions_get, mt5.positions_total):
        assert ask() is None
        assert mt5.last_error() == (-10004, "No IPC connection")
    for ask in (mt5.symbols_total, mt5.symbols_get):
        assert ask() is None
        assert mt5.last_error()[0] == -5
    assert mt5.version() == (0, 0, "")
    assert mt5.last_error()[0] == -10004
    assert mt5.login(1) is False
    assert mt5.last_error()[0] == -10004
    assert mt5.shutdown() is True
    assert mt5.last_error() == SUCCESS


@pytest.mark.parametrize("path", ["{}", "tcp://{}"])
def test_an_address_in_the_path_is_where_the_terminal_is(scripted: Any, path: str) -> None:
    assert mt5.initialize(path.format(scripted.address)) is True
    assert mt5.initialize(path=path.format(scripted.address)) is True
    assert mt5.last_error() == SUCCESS
    assert commands(scripted) == [Command.HELLO, Command.AUTHORISATION] * 2


def test_the_environment_says_where_the_terminal_is(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_ADDRESS", scripted.address)
    assert mt5.initialize() is True
    assert mt5.initialize("C:/Program Files/MetaTrader 5/terminal64.exe", portable=True) is True
    monkeypatch.setenv("SIM_ADDRESS", "nonsense")
    with pytest.raises(ValueError, match="SIM_ADDRESS must read host:port, got 'nonsense'"):
        mt5.initialize()


def test_credentials_are_sent_when_there_are_any(scripted: Any) -> None:
    assert mt5.initialize(scripted.address, login=5, password="pw", server="srv", unknown=1)
    assert mt5.initialize(scripted.address, server="srv")
    sent = [given for command, given in scripted.requests if command is Command.LOGIN]
    assert sent == [(0, 5, "pw", "srv"), (0, 0, "", "srv")]


@pytest.mark.parametrize(
    ("arguments", "keywords", "text"),
    [
        (("a", "b"), {}, "Invalid number of arguments"),
        ((5,), {}, "Invalid 1st unnamed argument"),
        (("p" * 258,), {}, "Invalid 1st unnamed argument"),
        ((), {"path": None}, 'Invalid "path" argument'),
        ((), {"login": "5"}, 'Invalid "login" argument'),
        ((), {"password": 5}, 'Invalid "password" argument'),
        ((), {"server": "s" * 254}, 'Invalid "server" argument'),
        ((), {"timeout": 5.0}, 'Invalid "timeout" argument'),
    ],
)
def test_a_bad_argument_of_initialize_is_minus_2_and_closes_the_connection(
    scripted: Any, arguments: Any, keywords: Any, text: str
) -> None:
    mt5.initialize(scripted.address)
    assert mt5.initialize(*arguments, **keywords) is False
    assert (-2, text) == mt5.last_error()
    assert mt5.account_info() is None
    assert mt5.last_error()[0] == -10004


@pytest.mark.parametrize("keywords", [{"login": -1}, {"timeout": -1}, {"timeout": 2**32}])
def test_a_negative_number_is_a_system_error(keywords: Any) -> None:
    with pytest.raises(SystemError, match="initialize> returned a result with an exception set"):
        mt5.initialize(**keywords)


def test_a_refused_handshake_leaves_the_connection_open(scripted: Any) -> None:
    scripted.script = lambda command, _: {
        Command.HELLO: wire.encode_error(command, -5),
        Command.POSITIONS_TOTAL: wire.encode_reply(Command.POSITIONS_TOTAL, 2),
    }[command]
    assert mt5.initialize(scripted.address) is False
    assert mt5.last_error()[0] == -5
    assert mt5.positions_total() == 2


@pytest.mark.parametrize("refused", [Command.LOGIN, Command.AUTHORISATION])
def test_a_refused_login_in_initialize_closes_the_connection(scripted: Any, refused: Command) -> None:
    scripted.script = lambda command, _: {refused: wire.encode_error(command, -6)}[command]
    assert mt5.initialize(scripted.address, login=5) is False
    assert mt5.last_error() == (-6, "Terminal: Authorization failed")
    assert mt5.positions_total() is None
    assert mt5.last_error()[0] == -10004


def test_a_refused_login_leaves_the_connection_open(scripted: Any) -> None:
    mt5.initialize(scripted.address)
    scripted.script = lambda command, _: {
        Command.LOGIN: wire.encode_error(command, -7),
        Command.POSITIONS_TOTAL: wire.encode_reply(Command.POSITIONS_TOTAL, 2),
    }[command]
    assert mt5.login(5) is False
    text = "Unsupported authorization mode, OTP or certificate password needed"
    assert (-7, text) == mt5.last_error()
    assert mt5.positions_total() == 2


def test_the_second_argument_of_login_is_the_password(scripted: Any) -> None:
    mt5.initialize(scripted.address)
    assert mt5.login(5, "pw", "srv") is True
    assert mt5.login(5, server="srv2", password="pw2") is True
    assert mt5.login(login=6) is True
    sent = [given for command, given in scripted.requests if command is Command.LOGIN]
    assert sent == [(0, 5, "pw", "srv"), (0, 5, "pw2", "srv2"), (0, 6, "", "")]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), 'Invalid "login" argument'),
        ((0,), 'Invalid "login" argument'),
        (("5",), "Invalid 1st unnamed argument"),
        ((5, 6), "Invalid 2nd unnamed argument"),
        ((5, "a", 6), "Invalid 3rd unnamed argument"),
        ((5, "a", "b", "c"), "Invalid number of arguments"),
    ],
)
def test_a_bad_argument_of_login_is_minus_2(scripted: Any, arguments: Any, text: str) -> None:
    mt5.initialize(scripted.address)
    assert mt5.login(*arguments) is False
    assert (-2, text) == mt5.last_error()


def test_version_is_a_plain_tuple(scripted: Any) -> None:
    mt5.initialize(scripted.address)
    scripted.script = lambda command, _: wire.encode_reply(command, (500, 6231, "26 Sep 2025"))
    assert mt5.version() == (500, 6231, "26 Sep 2025")
    scripted.script = lambda command, _: wire.encode_error(command, -1)
    assert mt5.version() == (0, 0, "")
    assert mt5.last_error() == (-1, "Terminal: Call failed")


def test_functions_without_arguments_take_none() -> None:
    with pytest.raises(TypeError, match=r"^MetaTrader5._core.version\(\) takes no arguments \(1 given\)$"):
        mt5.version(1)
    with pytest.raises(TypeError, match=r"^MetaTrader5._core.account_info\(\) takes no keyword arguments$"):
        mt5.account_info(login=1)


def test_every_call_but_last_error_resets_the_last_error(scripted: Any) -> None:
    mt5.account_info()
    assert -10004 == mt5.last_error()[0] == mt5.last_error()[0]
    mt5.shutdown()
    assert mt5.last_error() == SUCCESS
