"""What a worker answers to the check, out of a scripted terminal: what no simulated one does."""

import pytest

from hybrid_bridge.terminal.diagnosis.answers import rehearse, tell_package, tell_symbols
from hybrid_bridge.terminal.diagnosis.operations import SymbolsArgs
from hybrid_bridge.terminal.operations import Nothing, SubmitArgs
from hybrid_bridge.terminal.package import PackageError

REQUEST = SubmitArgs(1, "EURUSD", 0.01, 1.1, 0.0, 0.0, 10, 0, 1, 0, 7, 0, 0, "check")


def test_a_package_that_does_not_say_its_version(session):
    assert "" == tell_package(session, Nothing()).version


@pytest.fixture
def hidden(module, monkeypatch):
    """Symbols that are selected and not visible, as the terminal does by itself."""
    monkeypatch.setattr(module, "SYMBOL", module.SYMBOL | {"visible": False})


@pytest.mark.usefixtures("hidden")
def test_a_symbol_that_is_selected_and_not_visible_is_put_there(session):
    (state,) = tell_symbols(session, SymbolsArgs(["EURUSD"])).symbols
    assert (True, "") == (state.added, state.refusal)
    assert ["EURUSD"] == session.symbols


@pytest.mark.usefixtures("hidden")
def test_a_lost_connection_is_no_refusal(session, script):
    script.say(errors={"symbol_select": [-10001, "IPC send failed"]})
    with pytest.raises(PackageError, match="IPC send failed"):
        tell_symbols(session, SymbolsArgs(["EURUSD"]))


def test_a_rehearsal_is_never_sent(session, script):
    script.say(check={"retcode": 10019, "comment": "No money", "margin": 5.5, "margin_free": 1.0})
    answer = rehearse(session, REQUEST)
    assert (10019, "No money", 5.5, 1.0) == (
        answer.retcode,
        answer.comment,
        answer.margin,
        answer.margin_free,
    )
    assert ["order_check"] == [name for name, _ in script.orders_sent()]
