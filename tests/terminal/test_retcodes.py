import pytest

from hybrid_bridge.core.orders import Answer
from hybrid_bridge.simulator import constants
from hybrid_bridge.terminal.operations import SubmitReply
from hybrid_bridge.terminal.retcodes import LAST_ERRORS, RETCODES, Authority, advise, classify_reply
from hybrid_bridge.terminal.rows import SendRow

DEAL, PENDING, SLTP, MODIFY, REMOVE = 1, 5, 6, 7, 8
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def sent(retcode, **fields):
    row = {"deal": 3, "order": 4, "volume": 0.5, "price": 1.25, "bid": 1.2, "ask": 1.3, "comment": "text"}
    result = SendRow(retcode=retcode, request_id=1, retcode_external=0, **(row | fields))
    return SubmitReply(True, 0, "", result, 1, "Success")


def silent(code, text="words"):
    return SubmitReply(True, 0, "", None, code, text)


def test_the_table_has_every_code_of_the_package_under_its_name():
    prefix = "TRADE_RETCODE_"
    expected = {
        value: name.removeprefix(prefix) for name, value in vars(constants).items() if name.startswith(prefix)
    }
    assert expected == {number: code.name for number, code in RETCODES.items()}


def test_the_table_has_every_last_error_of_the_package_under_its_name():
    names = {value: name for name, value in vars(constants).items() if name.startswith("RES_")}
    assert set(names) == set(LAST_ERRORS)
    prefixes = ("RES_S_", "RES_E_")
    assert {number: f"RES_{name[4:6]}{LAST_ERRORS[number].name}" for number, name in names.items()} == names
    assert all(name.startswith(prefixes) for name in names.values())


def test_every_row_says_what_it_means_and_where_that_is_known_from():
    rows = [*RETCODES.values(), *LAST_ERRORS.values()]
    assert [row.number for row in rows if not (row.meaning and row.source in Authority)] == []


def test_what_only_a_person_can_mend_halts_and_says_how():
    rows = [*RETCODES.values(), *LAST_ERRORS.values()]
    assert [row.number for row in rows if row.halts] == [10026, 10027, -8]
    assert all(row.advice for row in rows if row.halts)


NO_CODES = [10004, 10006, 10007, *range(10013, 10023), *range(10024, 10031), *range(10032, 10037)]
NO_CODES += range(10038, 10047)


@pytest.mark.parametrize("retcode", NO_CODES)
def test_a_refusal_is_a_certain_no(retcode):
    assert classify_reply(sent(retcode), DEAL).answer is NO


@pytest.mark.parametrize("retcode", [10011, 10012, 10031, 10023, 10008, 0, 10001, 10037, 4711])
def test_what_proves_nothing_about_a_deal_is_unknown(retcode):
    outcome = classify_reply(sent(retcode), DEAL)
    assert (outcome.answer, outcome.placed, outcome.retriable) == (UNKNOWN, False, False)


def test_no_code_is_forgotten_by_these_tests():
    assert set(RETCODES) == {*NO_CODES, 10008, 10009, 10010, 10011, 10012, 10023, 10031}


@pytest.mark.parametrize("retcode", sorted(RETCODES))
def test_only_a_moved_price_or_a_wrong_filling_may_be_tried_again(retcode):
    assert classify_reply(sent(retcode), DEAL).retriable is (retcode in (10004, 10020, 10021, 10030))


def test_done_carries_the_facts():
    outcome = classify_reply(sent(10009), DEAL)
    assert outcome.answer is YES
    assert (outcome.order, outcome.deal, outcome.volume, outcome.price) == (4, 3, 0.5, 1.25)
    assert not outcome.placed


def test_a_partial_fill_is_a_yes_with_the_deals_volume():
    outcome = classify_reply(sent(10010, volume=0.2), DEAL)
    assert (outcome.answer, outcome.volume, outcome.reason) == (YES, 0.2, "done_partial")


@pytest.mark.parametrize("retcode", [10008, 10009])
def test_an_accepted_pending_order_is_placed(retcode):
    outcome = classify_reply(sent(retcode), PENDING)
    assert (outcome.answer, outcome.placed) == (YES, True)


@pytest.mark.parametrize(
    ("action", "answer"), [(SLTP, YES), (MODIFY, YES), (DEAL, NO), (PENDING, NO), (REMOVE, NO)]
)
def test_no_changes_is_a_success_for_a_change_only(action, answer):
    outcome = classify_reply(sent(10025), action)
    assert (outcome.answer, outcome.placed) == (answer, False)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (-2, NO),
        (-8, NO),
        (-10004, NO),
        *(
            (code, UNKNOWN)
            for code in (-10000, -10001, -10002, -10003, -10005, -1, -3, -4, -5, -6, -7, -99, 1)
        ),
    ],
)
def test_nothing_returned_is_judged_by_the_last_error(code, answer):
    outcome = classify_reply(silent(code), DEAL)
    assert (outcome.answer, outcome.error_code, outcome.retcode) == (answer, code, 0)
    assert f"({code})" in outcome.detail


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (silent(-8), "Expert Advisors"),
        (SubmitReply(False, 0, "", None, -8, "Auto-Trading disabled"), "Expert Advisors"),
        (sent(10026), "ask the broker"),
        (sent(10027), "Algo Trading button"),
        (SubmitReply(False, 10027, "AutoTrading disabled by client", None, 1, ""), "Algo Trading button"),
    ],
)
def test_automated_trading_switched_off_halts_and_says_how_to_mend_it(reply, words):
    outcome = classify_reply(reply, DEAL)
    assert (outcome.answer, outcome.halts, outcome.retriable) == (NO, True, False)
    assert words in outcome.detail


@pytest.mark.parametrize("reply", [sent(10009), sent(10017), sent(10031), silent(-2), silent(-10004)])
def test_nothing_else_halts(reply):
    assert not classify_reply(reply, DEAL).halts


def test_a_close_of_a_position_that_is_closed_says_that_nothing_is_left_to_do():
    outcome = classify_reply(sent(10036, deal=0, order=0, volume=0.0, comment="Position doesn't exist"), DEAL)
    assert (outcome.answer, outcome.reason, outcome.retriable) == (NO, "position_closed", False)
    assert "nothing is left to close" in outcome.detail
    change = classify_reply(sent(10036), SLTP)
    assert (change.answer, change.reason) == (NO, "position_closed")
    assert "nothing is left" not in change.detail


def test_a_wrong_filling_is_told_apart_from_a_moved_price():
    outcomes = [classify_reply(sent(retcode), DEAL) for retcode in (10004, 10020, 10021, 10030)]
    assert [(outcome.reason, outcome.retriable) for outcome in outcomes] == [
        ("requote", True),
        ("price_changed", True),
        ("price_off", True),
        ("invalid_fill", True),
    ]


def test_another_account_at_the_terminal_was_sent_nothing():
    outcome = classify_reply(SubmitReply(False, 0, "", None, 1, "", "account 7 is logged in, not 5"), DEAL)
    assert (outcome.answer, outcome.reason, outcome.error_code) == (NO, "other_account", 0)
    assert "account 7" in outcome.detail


def test_what_was_too_late_at_the_terminal_was_never_asked():
    outcome = classify_reply(SubmitReply(False, 0, "", None, 1, "", late_ms=600_000), DEAL)
    assert (outcome.answer, outcome.reason, outcome.never_asked) == (NO, "expiry", True)
    assert "600000 ms too late" in outcome.detail


def test_no_result_without_an_error_is_named_so():
    outcome = classify_reply(silent(1, "Success"), DEAL)
    assert (outcome.answer, outcome.reason) == (UNKNOWN, "no_result")


def test_a_refusal_by_the_check_is_a_no_whatever_its_code():
    outcome = classify_reply(SubmitReply(False, 10031, "No connection", None, 1, ""), DEAL)
    assert (outcome.answer, outcome.retcode, outcome.reason) == (NO, 10031, "connection")
    assert "before sending" in outcome.detail


def test_a_requote_at_the_check_may_be_tried_again():
    assert classify_reply(SubmitReply(False, 10004, "", None, 1, ""), DEAL).retriable


def test_a_check_that_failed_sent_nothing():
    outcome = classify_reply(SubmitReply(False, 0, "", None, -10001, "IPC send failed"), DEAL)
    assert (outcome.answer, outcome.error_code) == (NO, -10001)
    assert "not sent" in outcome.detail


def test_an_undocumented_code_is_named_with_the_venues_words():
    outcome = classify_reply(sent(4711, comment="what?"), DEAL)
    assert outcome.reason == "retcode_4711"
    assert "what?" in outcome.detail


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (-10003, "IPC initialize failed, Process create failed 'x'", "MT5_PATH must name"),
        (-10003, "IPC initialize failed, MetaTrader 5 x64 not found", "set MT5_PATH"),
        (-10003, "IPC initialize failed, Pipe server didn't answer in 60 sec", "Python integration"),
        (-10003, "IPC initialize failed", "MT5_PATH names"),
        (-10005, "IPC timeout", "MT5_TIMEOUT_MS"),
        (-6, "Terminal: Authorization failed", "MT5_PASSWORD"),
        (-2, "Terminal: Invalid params", "MT5_SERVER"),
        (0, "ModuleNotFoundError: No module named 'MetaTrader5'", "MT5_BACKEND=simulator"),
        (-4, "Terminal: Not found", ""),
        (-12345, "?", ""),
    ],
)
def test_an_error_of_connecting_comes_with_what_to_do(code, text, words):
    advice = advise(code, text)
    assert words in advice
    assert bool(words) == bool(advice)
