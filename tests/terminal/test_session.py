import pytest

from hybrid_bridge.terminal.operations import ConnectArgs, Nothing, SelectArgs
from hybrid_bridge.terminal.package import PackageError
from hybrid_bridge.terminal.session import Session, near_matches

ARGS = ConnectArgs(path="", login=None, password="", server="", timeout_ms=60_000)


def test_connect_says_who_answered(session, script):
    script.say(login=77, server="Live", path=r"D:\MT5", build=6231)
    found = session.connect(ARGS)
    assert (found.login, found.server, found.path, found.build) == (77, "Live", r"D:\MT5", 6231)


def test_another_account_on_a_sound_connection_is_found_by_every_look_that_shows_one(session, script):
    session.connect(ARGS)
    looks = (lambda: session.identify(Nothing()), lambda: session.look_at_account({}))
    for look in looks:
        session.begin()
        look()
        assert session.stranger == ""
    script.say(login=7)
    for look in looks:
        session.begin()
        look()
        assert "account 7" in session.stranger


def test_another_server_is_another_account(session, script):
    session.connect(ARGS)
    script.say(server="Scripted-Live")
    assert session.find_stranger() == "account 1001 (Scripted-Live) is logged in, not 1001 (Scripted-Demo)"
    script.say(server=None)
    session.begin()
    assert session.find_stranger() == ""


def test_a_new_connect_is_to_whoever_answers_then(session, script):
    session.connect(ARGS)
    script.say(login=7)
    session.begin()
    assert session.connect(ARGS).login == 7
    assert session.stranger == ""


def test_connect_mends_a_lost_connection(session, module):
    module.shutdown()
    session.connect(ARGS)
    assert not session.link_lost


def test_a_refused_login_is_the_packages_error(session, script):
    script.say(errors={"initialize": [-6, "Terminal: Authorization failed"]})
    with pytest.raises(PackageError) as caught:
        session.connect(ARGS)
    assert (caught.value.call, caught.value.code) == ("initialize", -6)


def test_only_what_is_set_is_handed_to_initialize(session, module, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "initialize", lambda **keywords: seen.append(keywords) or True)
    module._connected = True
    monkeypatch.setattr(module, "shutdown", lambda: True)
    session.connect(ARGS)
    session.connect(ConnectArgs("C:/t.exe", 5, "pw", "S", 1000))
    assert seen == [
        {"timeout": 60_000},
        {"timeout": 1000, "path": "C:/t.exe", "login": 5, "password": "pw", "server": "S"},
    ]


def test_unknown_symbols_come_with_the_most_similar_names(session, script):
    script.say(symbols=["EURUSD.a", "GBPUSD", "mEURUSD", "XAUUSDm", "EURGBP"])
    reply = session.select(SelectArgs(["GBPUSD", "EURUSD", "XAUUSD", "BTCEUR"]))
    assert [spec.name for spec in reply.specs] == ["GBPUSD"]
    assert reply.unknown["EURUSD"][:2] == ["mEURUSD", "EURUSD.a"]
    assert reply.unknown["XAUUSD"] == ["XAUUSDm"]
    assert reply.unknown["BTCEUR"] == []
    assert session.symbols == ["GBPUSD"]


def test_similar_names_are_found_in_any_case():
    assert near_matches("eurusd", ["USDJPY", "EURUSD", "EURUSD.pro"]) == ["EURUSD", "EURUSD.pro"]


def test_a_symbol_not_in_the_market_watch_is_put_there(session, module, monkeypatch):
    selected = []
    hidden = module.SYMBOL | {"select": True, "visible": False}
    monkeypatch.setattr(module, "SYMBOL", hidden)
    monkeypatch.setattr(module, "symbol_select", lambda *args: selected.append(args) or True)
    session.select(SelectArgs(["EURUSD"]))
    assert selected == [("EURUSD", True)]


def test_a_symbol_that_cannot_be_selected_is_left_out_and_said(session, module, script, monkeypatch):
    remarks = []
    monkeypatch.setattr(
        session, "log", lambda level, event, **fields: remarks.append((level, fields["symbol"]))
    )
    monkeypatch.setattr(module, "SYMBOL", module.SYMBOL | {"select": False})
    script.say(errors={"symbol_select": [-1, "Terminal: Call failed"]})
    reply = session.select(SelectArgs(["EURUSD"]))
    assert reply.specs == []
    assert remarks == [("error", "EURUSD")]


def test_a_look_has_account_terminal_positions_orders_and_what_was_paid_in(session, script):
    script.say(
        positions=[{"ticket": 5, "volume": 0.3}],
        orders=[{"ticket": 6}],
        deals=[{"ticket": 7, "type": 2, "profit": 250.0}, {"ticket": 8}],
    )
    report = session.look_at_account({"EURUSD": 2500})
    assert report.account.login == 1001
    assert report.terminal.connected
    assert [(position.ticket, position.volume) for position in report.positions] == [(5, 0.3)]
    assert [order.ticket for order in report.orders] == [6]
    assert report.newest == {"EURUSD": 2500}
    assert [(booking.ticket, booking.profit) for booking in report.bookings] == [(7, 250.0)]
    assert report.valuation is None


@pytest.mark.parametrize("call", ["account_info", "terminal_info", "positions_get", "orders_get"])
def test_a_look_with_a_hole_is_no_look(session, script, call):
    script.say(errors={call: [-1, "Terminal: Call failed"]})
    with pytest.raises(PackageError, match=call):
        session.look_at_account({})


def test_what_was_paid_in_is_known_before_the_first_look(session, script):
    script.say(deals=[{"ticket": 7, "type": 2}])
    session.connect(ARGS)
    session.select(SelectArgs(["EURUSD"]))
    script.say(errors={"history_deals_get": [-1, "no"]})
    assert [booking.ticket for booking in session.look_at_account({}).bookings] == [7]


def test_what_another_account_was_paid_is_not_learned(session, script):
    session.connect(ARGS)
    script.say(login=7, deals=[{"ticket": 7, "type": 2}])
    assert session.look_at_account({}).bookings == []
    session.begin()
    script.say(login=None, deals=[{"ticket": 8, "type": 2}])
    assert [booking.ticket for booking in session.look_at_account({}).bookings] == [8]


def test_an_account_switched_between_the_questions_of_a_look_is_found(session, script, module, monkeypatch):
    session.connect(ARGS)
    monkeypatch.setattr(module, "history_deals_get", lambda *_: script.say(login=7) or ())
    session.look_at_account({})
    assert "account 7" in session.stranger


def test_what_was_known_of_the_money_outlives_a_lost_connection(session, script):
    script.say(deals=[{"ticket": 7, "type": 2}])
    session.connect(ARGS)
    session.look_at_account({})
    script.say(errors={"initialize": [-10003, "IPC initialize failed"]})
    with pytest.raises(PackageError):
        session.connect(ARGS)
    script.say(errors=None, balance=9_000.0)
    session.connect(ARGS)
    report = session.look_at_account({})
    assert ([booking.ticket for booking in report.bookings], report.explained) == ([7], False)


def test_an_account_connected_to_anew_has_bookings_of_its_own(session, script):
    script.say(deals=[{"ticket": 7, "type": 2}])
    session.connect(ARGS)
    assert [booking.ticket for booking in session.look_at_account({}).bookings] == [7]
    script.say(login=7, deals=[{"ticket": 8, "type": 2}])
    session.connect(ARGS)
    assert [booking.ticket for booking in session.look_at_account({}).bookings] == [8]


def test_a_missing_module_is_an_error_at_its_first_use():
    session = Session("no_such_module_anywhere", lambda level, event, **fields: None)
    session.close()
    with pytest.raises(ModuleNotFoundError):
        session.connect(ARGS)


def test_the_password_is_taken_out_of_texts(session):
    session.connect(ConnectArgs("", 5, "s3cret", "S", 1000))
    assert session.scrub("login with s3cret failed") == "login with *** failed"
