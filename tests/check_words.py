"""The tables of docs/check.md: every fault of terminal and backend, with the test that makes it on purpose.

`python -m tests.check_words` writes them into the page.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from hybrid_bridge.control.diagnosis.faults import FAULTS as BACKEND
from hybrid_bridge.findings import Words
from hybrid_bridge.terminal.diagnosis.faults import FAULTS as TERMINAL

PAGE = Path(__file__).parents[1] / "docs" / "check.md"
HEAD = "| what is wrong | what to do | shown by |\n|---|---|---|\n"
TABLES: dict[str, Mapping[str, Words]] = {"terminal": TERMINAL, "backend": BACKEND}

# What stands for the names in braces.
SHOWN = {
    "address": "HOST:PORT",
    "advice": "what is known of the code",
    "apart_s": "40.0",
    "call": "account_info",
    "direction": "bought",
    "host": "HOST",
    "known": "; found on this PC: PATH",
    "login": "12345678",
    "meaning": "what the code means",
    "near": "; the broker has NAME",
    "offset_s": "10800",
    "program": r"C:\Program Files\MetaTrader 5\terminal64.exe",
    "python": "PYTHON",
    "symbol": "SYMBOL",
    "volume": "0.01",
}

_TERMINAL = "tests/terminal/diagnosis/"
_PROGRAM = f"{_TERMINAL}test_program.py::test_"
_CONNECTION = f"{_TERMINAL}test_connection.py::test_"
_INITIALIZE = f"{_CONNECTION}what_initialize_says_is_explained"
_UNREACHED = f"{_TERMINAL}test_genuine.py::test_what_initialize_says_of_a_terminal_that_it_does_not_reach"
_INSPECTION = f"{_TERMINAL}test_inspection.py::test_"
_STANDING = f"{_TERMINAL}test_standing.py::test_"
_SWITCH = f"{_STANDING}a_switch_that_is_off"
_SYMBOLS = f"{_TERMINAL}test_symbols.py::test_"
_CLOCK = f"{_TERMINAL}test_server_time.py::test_"
_ORDER = f"{_TERMINAL}test_rehearsal.py::test_"
_REACH = "tests/control/diagnosis/test_reach.py::test_"
_BACKEND = "tests/control/diagnosis/test_inspection.py::test_"
_REFUSAL = f"{_BACKEND}a_refusal_is_explained"

TESTS = {
    "terminal": {
        "not_windows": f"{_INSPECTION}a_genuine_terminal_on_another_system",
        "path_missing": f"{_PROGRAM}no_such_path_comes_with_the_ones_that_there_are",
        "path_folder": f"{_PROGRAM}a_folder_with_and_without_the_program",
        "path_other": f"{_PROGRAM}another_file_than_the_terminal",
        "path_no_program": f"{_PROGRAM}a_file_that_is_no_program",
        "terminal_none": _UNREACHED,
        "terminals_several": f"{_PROGRAM}without_a_path_the_terminals_that_are_installed_decide",
        "terminal_off": f"{_PROGRAM}a_terminal_that_does_not_run",
        "terminal_shut": f"{_PROGRAM}a_terminal_that_runs_and_lets_no_program_in",
        "package_missing": f"{_CONNECTION}a_package_that_is_not_installed",
        "package_broken": f"{_CONNECTION}a_package_that_cannot_be_loaded",
        "init_program": _UNREACHED,
        "init_silent": f"{_CONNECTION}what_the_genuine_package_says_of_a_terminal_that_it_does_not_reach",
        "init_hung": f"{_CONNECTION}a_terminal_that_accepts_and_does_not_answer",
        "init_version": _INITIALIZE,
        "init_refused": f"{_CONNECTION}a_login_that_the_broker_refused_and_no_password_to_try",
        "init_waiting": f"{_CONNECTION}a_terminal_that_is_not_logged_in_yet",
        "login_refused": f"{_CONNECTION}a_wrong_password_is_named_and_not_shown",
        "login_kind": f"{_CONNECTION}an_account_with_a_one_time_password",
        "init_parameters": _INITIALIZE,
        "init_failed": _INITIALIZE,
        "worker_failed": f"{_CONNECTION}a_worker_that_is_killed",
        "link_lost": f"{_INSPECTION}a_terminal_that_dies_while_it_is_asked",
        "call_hung": f"{_INSPECTION}a_terminal_that_does_not_answer_a_question",
        "call_failed": f"{_INSPECTION}a_terminal_that_answers_with_an_error",
        "simulator_refused": f"{_INSPECTION}a_simulated_terminal_that_does_not_listen",
        "build_old": f"{_STANDING}a_terminal_that_is_too_old",
        "other_terminal": f"{_STANDING}another_terminal_than_the_one_that_is_named",
        "other_account": f"{_STANDING}another_account_and_what_it_may_is_nobodys_concern",
        "login_unset": f"{_STANDING}an_account_that_the_bridge_was_not_told",
        "other_server": f"{_STANDING}another_server",
        "link_down": _SWITCH,
        "algo_off": _SWITCH,
        "api_off": _SWITCH,
        "account_read_only": _SWITCH,
        "account_no_experts": _SWITCH,
        "symbol_unknown": f"{_SYMBOLS}an_unknown_symbol_comes_with_names_like_it",
        "symbol_refused": f"{_SYMBOLS}a_symbol_that_the_market_watch_refuses",
        "symbol_disabled": f"{_SYMBOLS}a_symbol_that_cannot_be_opened",
        "symbol_close_only": f"{_SYMBOLS}a_symbol_that_cannot_be_opened",
        "symbol_one_way": f"{_SYMBOLS}a_symbol_of_one_direction_is_a_note_and_can_be_traded",
        "symbol_no_price": f"{_SYMBOLS}a_symbol_without_a_price",
        "offset_wrong": f"{_CLOCK}an_offset_that_the_settings_have_right_and_wrong",
        "offset_unknown": f"{_CLOCK}prices_that_stand_still_tell_nothing",
        "clock_apart": f"{_CLOCK}a_clock_of_this_pc_that_is_off",
        "order_money": f"{_ORDER}too_little_money_for_the_smallest_order",
        "order_closed": f"{_ORDER}a_closed_market_is_a_note",
        "order_refused": f"{_ORDER}an_order_that_would_be_refused",
    },
    "backend": {
        "address_bad": f"{_BACKEND}an_address_that_is_none",
        "token_bad": f"{_BACKEND}a_token_that_cannot_be_sent",
        "token_in_clear": f"{_BACKEND}a_token_that_crosses_the_network_in_clear",
        "name_unknown": f"{_REACH}a_name_that_does_not_resolve",
        "name_silent": f"{_REACH}a_name_server_that_does_not_answer",
        "tcp_refused": f"{_REACH}a_port_that_refuses",
        "tcp_silent": f"{_REACH}a_firewall_that_swallows_everything",
        "tcp_unreachable": f"{_REACH}an_address_without_a_way_to_it",
        "tls_not_spoken": f"{_REACH}wss_at_a_backend_that_does_not_encrypt",
        "tls_spoken": f"{_BACKEND}ws_at_a_backend_that_encrypts",
        "tls_authority": f"{_REACH}an_authority_that_this_pc_does_not_know",
        "tls_name": f"{_REACH}a_certificate_for_another_name",
        "tls_dates": f"{_REACH}a_certificate_that_has_expired",
        "tls_failed": f"{_REACH}tls_with_something_that_speaks_neither",
        "token_missing": _REFUSAL,
        "token_refused": f"{_BACKEND}a_backend_that_refuses_the_token_after_the_handshake",
        "path_unknown": _REFUSAL,
        "too_many": _REFUSAL,
        "not_ready": _REFUSAL,
        "not_websocket": f"{_BACKEND}a_web_server_that_knows_no_websockets",
        "silent": f"{_BACKEND}a_server_that_accepts_and_stays_silent",
        "hung_up": f"{_BACKEND}a_server_that_hangs_up_without_an_answer",
        "closed": f"{_BACKEND}a_backend_that_closes_at_once_for_another_reason",
        "deaf": f"{_BACKEND}a_backend_that_is_deaf",
    },
}


def table(part: str) -> str:
    """Return a part's table as it stands in the page."""
    return HEAD + "".join(_row(words, TESTS[part][key]) for key, words in TABLES[part].items())


def _row(words: Words, test: str) -> str:
    return f"| {_filled(words.cause)} | {_filled(words.mend)} | `{test}` |\n"


def _filled(text: str) -> str:
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda found: SHOWN[found[1]], text)


def written(page: str, part: str) -> str:
    """Return what stands in the page where a part's table belongs."""
    return page.partition(_begin(part))[2].partition(f"<!-- {part}: end -->\n")[0]


def _begin(part: str) -> str:
    return f"<!-- {part}: begin -->\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for name in TABLES:
        text = text.replace(_begin(name) + written(text, name), _begin(name) + table(name))
    PAGE.write_text(text, encoding="utf-8")
