"""The words for refused settings."""

from typing import Any

import pytest

from hybrid_bridge.settings.model import Settings
from hybrid_bridge.settings.problems import accepted, shown, sort_unknown, written

SCHEMAS = Settings.model_json_schema()["properties"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("max_risk_percent", "a number above 0, at most 100"),
        ("mt5_magic", "a whole number from 1 to 2147483647"),
        ("log_max_bytes", "a whole number of at least 10000"),
        ("max_volume", "a number above 0, or nothing to leave it off"),
        ("max_open_positions", "a whole number of at least 1, or nothing to leave it off"),
        ("trading_enabled", "true or false"),
        ("tick_mode", "one of all, latest"),
        ("sim_seed", "a whole number"),
        ("mt5_server", "text"),
    ],
)
def test_what_a_setting_accepts_is_told_from_its_definition(name: str, words: str) -> None:
    assert accepted(SCHEMAS[name]) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (2.0, "2"),
        (0.25, "0.25"),
        (10_000_000, "10000000"),
        (12_345_678.5, "12345678"),
        (("A", "B"), "A,B"),
    ],
)
def test_values_are_written_as_in_a_file(value: Any, text: str) -> None:
    assert written(value) == text


def test_what_was_seen_is_cut_short_and_without_credentials() -> None:
    assert shown("x" * 200) == "'" + "x" * 80 + "...'"
    assert shown("ws://user:pass@host/ws?token=1&b=2") == "'ws://***@host/ws?***'"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("max_risk_percnt", "MAX_RISK_PERCENT"),
        ("max_risk_pct", "MAX_RISK_PERCENT"),
        ("symbol", "SYMBOLS"),
        ("max_daily_trade", "MAX_DAILY_TRADES"),
        ("mt5_pasword", "MT5_PASSWORD"),
        ("emergencystop", "EMERGENCY_STOP"),
    ],
)
def test_misspelt_names_are_recognised(name: str, meant: str) -> None:
    problems, warnings = sort_unknown([name], set(Settings.model_fields), {name: "line 1"})
    assert warnings == []
    assert problems == [f"{name.upper()}: no such setting; did you mean {meant}? Correct or remove line 1"]


@pytest.mark.parametrize("name", ["path", "postgres_user", "database_url", "tz"])
def test_names_of_other_programs_are_warnings(name: str) -> None:
    problems, warnings = sort_unknown([name], set(Settings.model_fields), {name: "line 1"})
    assert (problems, len(warnings)) == ([], 1)
