"""The look through the genuine package, on Windows: with every -10003 and with a terminal set up wrongly."""

import json
from pathlib import Path

import pytest
from tests.windows_python import WindowsPython, windows_python

__all__ = ["windows_python"]

PROGRAM = Path(__file__).with_name("genuine_looks.py")
# On a busy computer each of a dozen workers takes half a minute to load NumPy under Wine.
pytestmark = [pytest.mark.windows, pytest.mark.timeout(500)]
Seen = dict[str, list[list[str]]]


@pytest.fixture(scope="module")
def seen(windows_python: WindowsPython) -> Seen:
    """Give what genuine_looks.py saw in a Windows Python."""
    ended = windows_python.run(PROGRAM, timeout_s=480)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: Seen = json.loads(ended.stdout)
    return found


def faults(seen: Seen, name: str) -> list[str]:
    return [key for _, _, key, _ in seen[name] if key]


def test_a_terminal_that_is_well_is_well_in_every_step(seen: Seen) -> None:
    assert ["ok"] * 13 == [verdict for _, verdict, _, _ in seen["all is well"]]
    assert "terminal runs" == seen["all is well"][1][0]
    assert seen["all is well"][1][3].endswith(r"live\terminal64.exe lets programs in")
    assert "MetaTrader5 5.0.6231, NumPy 2" in seen["all is well"][2][3]
    assert "it was not sent" in seen["all is well"][-1][3]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("no such path", "path_missing"),
        ("a folder", "path_folder"),
        ("not a program", "path_no_program"),
        ("not running", "terminal_off"),
        ("running, shut", "terminal_shut"),
        ("none installed", "terminal_none"),
        ("several installed", "terminals_several"),
    ],
)
def test_without_a_terminal_nothing_is_started_and_the_reason_is_told(
    seen: Seen, name: str, key: str
) -> None:
    assert key == faults(seen, name)[0]
    assert "connection" not in [step for step, *_ in seen[name]]


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        # The package itself cannot read its text where the path has such letters.
        ("initialize: no such path", "init_program", "Process create failed"),
        ("initialize: not a program", "init_program", "Process create failed"),
        ("initialize: none installed", "terminal_none", "MetaTrader 5 x64 not found"),
    ],
)
def test_what_initialize_says_of_a_terminal_that_it_does_not_reach(
    seen: Seen, name: str, key: str, text: str
) -> None:
    step, verdict, found, words = seen[name][-1]
    assert ("connection", "failed", key) == (step, verdict, found)
    assert f"initialize: IPC initialize failed, {text}" in words
    assert "(-10003)" in words


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("too old for the package", "init_version"),
        ("parameters refused", "init_parameters"),
        ("another error", "init_failed"),
        ("not logged in yet", "init_waiting"),
        ("login refused", "init_refused"),
        ("no answer", "init_hung"),
        ("wrong password", "login_refused"),
        ("one-time password", "login_kind"),
    ],
)
def test_what_initialize_says_of_a_terminal_that_it_reaches(seen: Seen, name: str, key: str) -> None:
    assert [key] == faults(seen, name)


def test_the_account_is_named_where_nobody_is_logged_in(seen: Seen) -> None:
    assert [] == faults(seen, "logged in by name")


def test_the_password_is_in_nothing_that_is_told(seen: Seen) -> None:
    assert "wrong-one" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("switches", "algo_off"),
        ("switches", "api_off"),
        ("switches", "account_read_only"),
        ("switches", "order_money"),
        ("account", "link_down"),
        ("account", "other_account"),
        ("dies", "link_lost"),
        ("without a path", "account_no_experts"),
        ("without a path", "symbol_unknown"),
    ],
)
def test_what_stands_in_the_way_of_an_order(seen: Seen, name: str, key: str) -> None:
    assert key in faults(seen, name)


def test_without_a_path_the_only_terminal_is_used(seen: Seen) -> None:
    assert ["ok"] * 8 == [verdict for _, verdict, _, _ in seen["without a path"]][:8]
