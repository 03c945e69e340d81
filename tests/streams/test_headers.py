"""A record says whose it is, and what names nobody belongs to whoever reads it."""

from dataclasses import replace

import pytest
from tests.streams.support import stream_settings

from hybrid_bridge.streams.headers import (
    account_of,
    intent_headers,
    is_elsewhere,
    is_own,
    is_stop_elsewhere,
    own_headers,
)

SETTINGS = replace(stream_settings("any:9092"), account="simulator-7001", login="7001")


def test_a_bridges_own_headers_name_the_version_and_the_account() -> None:
    assert (("schema_version", b"1"), ("account", b"7001")) == own_headers("7001")
    assert "7001" == account_of(own_headers("7001"))


def test_an_events_further_header_is_the_signals_id_in_utf_8() -> None:
    assert (("intent_id", "s-ü".encode()),) == intent_headers("s-ü")
    assert () == intent_headers("")


@pytest.mark.parametrize(
    ("headers", "account"),
    [
        ([], ""),
        ([("schema_version", b"1")], ""),
        ([("account", b"")], ""),
        ([("account", None)], ""),
        ([("account", b"7001")], "7001"),
        ([("account", b"7001"), ("account", b"7002")], "7002"),
        ([("account", b"\xff")], "\ufffd"),
        ([("Account", b"7001")], ""),
    ],
)
def test_the_account_of_a_record(headers: list[tuple[str, bytes | None]], account: str) -> None:
    assert account == account_of(headers)


def test_a_record_that_names_no_account_counts_as_ones_own() -> None:
    assert [True, True, False] == [is_own(one, "7001") for one in ([], own_headers("7001"), own_headers("8"))]


def test_a_signal_is_for_the_account_by_either_of_its_names_and_for_nobody_else() -> None:
    """In a simulation the account is called otherwise than its login, which senders know."""
    here = [is_elsewhere([("account", name)], SETTINGS) for name in (b"7001", b"simulator-7001", b"", None)]
    elsewhere = [is_elsewhere([("account", name)], SETTINGS) for name in (b"7002", b"simulator", b"\xff")]
    assert ([False] * 4, [True] * 3) == (here, elsewhere)


def test_without_a_login_no_name_but_the_accounts_own_is_accepted() -> None:
    settings = replace(SETTINGS, account="simulator", login="")
    named = {name: is_elsewhere([("account", name)], settings) for name in (b"simulator", b"7001")}
    assert {b"simulator": False, b"7001": True} == named


def account(*names: bytes | None) -> list[tuple[str, bytes | None]]:
    return [("account", name) for name in names]


HERE, ELSEWHERE, DOUBT = (False, False), (True, True), (True, False)  # A signal's fate, and that of a stop.


@pytest.mark.parametrize(
    ("named", "fate"),
    [
        (account(b" 7001\r\n"), HERE),
        (account(b"007001"), HERE),
        (account(b"0"), DOUBT),
        (account(b"000"), DOUBT),
        (account(b"7001", b"7001"), HERE),
        (account(b"7002"), ELSEWHERE),
        (account(b"simulator-7002"), ELSEWHERE),
        (account(b"7002", b"8"), ELSEWHERE),
        (account(b"7001", b"7002"), DOUBT),
        (account(b"7002", b"7001"), DOUBT),
        (account(b"7002", b""), DOUBT),
        (account(b"7001,7002"), DOUBT),
        (account(b"7001.0"), DOUBT),
        (account(b"all"), DOUBT),
        (account(b"*"), DOUBT),
        (account(b"\xff7002"), DOUBT),
        (account("\u0667".encode()), DOUBT),
        (account(b"7" * 1_000_000), ELSEWHERE),
        (account(b"7001" + b"x" * 1_000_000), DOUBT),
    ],
)
def test_where_it_is_in_doubt_whom_a_message_is_for_it_stops_and_does_not_trade(
    named: list[tuple[str, bytes | None]], fate: tuple[bool, bool]
) -> None:
    assert fate == (is_elsewhere(named, SETTINGS), is_stop_elsewhere(named, SETTINGS))


def test_of_a_name_that_is_far_too_long_only_the_beginning_is_told() -> None:
    assert "7" * 64 == account_of(account(b"7" * 1_000_000))
