"""`hybrid-bridge limits`: what it shows, that looking only reads, and how a change is left and judged."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.commands.support import RunningBridge, keep
from tests.core.builders import DAY, NOW, make_intent, make_order, sending_events

from hybrid_bridge import cli
from hybrid_bridge.commands import leaving
from hybrid_bridge.control.local_commands import FOLDER
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    EquityPeakRaised,
    Event,
    LimitsTightened,
    PositionEnded,
    TradeClosed,
    TradingState,
    TradingStateChanged,
)
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.journal.words import iso
from hybrid_bridge.settings import load_settings

BACKEND = Source(Channel.WEBSOCKET)
TIGHTENED = LimitsTightened(
    (("max_risk_percent", 0.5), ("max_daily_trades", 20.0)), "wild \x1b[31mmarket", BACKEND, NOW + 5
)
LIFE: list[Event] = [
    BrokerDayOpened(DAY, 10_000.5, NOW - 10),
    EquityPeakRaised(10_120.25, NOW - 9),
    *sending_events(make_order(make_intent(1)), NOW),
    TIGHTENED,
    TradeClosed((), 500, "EURUSD", 77, -12.5, NOW + 6, DAY, NOW + 7),
]


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert 0 == cli.main(["limits", *arguments])
    return capsys.readouterr().out.splitlines()


def row(lines: list[str], name: str) -> list[str]:
    (line,) = [line for line in lines if line.startswith(name + " ")]
    return line.split()[1:]


def record(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return json.loads("\n".join(shown(capsys, "--json", *arguments)))


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Looking


def test_every_setting_stands_beside_what_is_in_force_and_who_tightened_it(folder, offline, capsys):
    keep(folder, LIFE)
    lines = shown(capsys)
    assert ["LIMIT", "SETTING", "IN", "FORCE", "TIGHTENED"] == lines[0].split()
    assert ["2", "0.5", "to", "0.5", "at", "2026-09-21T14:13:20.005Z", "by", "websocket:"] == row(
        lines, "MAX_RISK_PERCENT"
    )[:8]
    assert "wild \\x1b[31mmarket" in "\n".join(lines), "nothing that a console would obey"
    assert ["10", "10", "to", "20"] == row(lines, "MAX_DAILY_TRADES")[:4], "the setting is the stricter one"
    assert ["off", "off"] == row(lines, "MAX_VOLUME")
    assert ["5", "5"] == row(lines, "SIGNAL_MAX_AGE_S")
    assert ["true", "true"] == row(lines, "REQUIRE_STOP_LOSS")


def test_what_is_used_up_is_told_from_the_journal(folder, offline, capsys):
    keep(folder, LIFE)
    lines = shown(capsys)
    place = Path("state") / "journal-simulator-7001.sqlite"
    assert f"So far ({place}, times UTC):" in lines
    assert ["active"] == row(lines, "trading")
    assert ["1", "of", "10", "on", "the", "broker's", "day", "2026-09-21"] == row(lines, "entries")
    assert "losses in a row              1" in lines
    assert "equity at the day's opening  10000.50" in lines
    assert "highest equity               10120.25" in lines
    assert "orders in doubt              1" in lines


def test_a_halt_a_breach_and_a_pause_are_told(folder, offline, capsys):
    offline.write_text(offline.read_text() + "MAX_CONSECUTIVE_LOSSES=1\n")
    halted = TradingStateChanged(
        TradingState.HALTED, "3 % are lost", BACKEND, True, NOW + 10, breach="daily_loss"
    )
    keep(folder, [*LIFE, halted])
    lines = shown(capsys)
    assert "trading                      halted since 2026-09-21T14:13:20.010Z: 3 % are lost" in lines
    assert "limit broken                 daily_loss" in lines
    assert "losses in a row              1 of 1; entries pause until the broker's next day" in lines
    used = record(capsys)["used"]
    assert (True, None, 1) == (used["paused"], used["paused_until"], used["streak"])
    assert ("daily_loss", "halted") == (used["breach"], used["trading_state"])


def test_a_pause_of_so_many_minutes_is_told_with_its_end(folder, offline, capsys):
    offline.write_text(offline.read_text() + "MAX_CONSECUTIVE_LOSSES=1\nCOOLDOWN_MINUTES=10\n")
    closed_msc = time.time_ns() // 1_000_000 - 60_000
    keep(folder, [TradeClosed((), 500, "EURUSD", 77, -12.5, closed_msc, DAY, closed_msc)])
    until = iso(closed_msc + 600_000)
    assert f"losses in a row              1 of 1; entries pause until {until}" in shown(capsys)
    assert (True, until) == tuple(record(capsys)["used"][name] for name in ("paused", "paused_until"))
    offline.write_text(offline.read_text().replace("=10", "=0.5"))
    assert "losses in a row              1 of 1" in shown(capsys)


def test_a_program_reads_the_same(folder, offline, capsys):
    keep(folder, LIFE)
    found = record(capsys)
    assert {"journal", "settings", "limits", "tightened", "used"} == set(found)
    assert (2.0, 0.5) == (found["settings"]["MAX_RISK_PERCENT"], found["limits"]["MAX_RISK_PERCENT"])
    assert {
        "MAX_RISK_PERCENT": {
            "value": 0.5,
            "setting": 2.0,
            "since": "2026-09-21T14:13:20.005Z",
            "by": "websocket",
            "reason": "wild \x1b[31mmarket",
        }
    } == found["tightened"]
    assert (1, "2026-09-21", 1, 10_000.5) == (
        found["used"]["daily_entries"],
        found["used"]["server_day"],
        found["used"]["in_doubt"],
        found["used"]["day_equity"],
    )


def test_before_the_first_start_the_settings_are_in_force(folder, offline, capsys):
    lines = shown(capsys)
    assert ["2", "2"] == row(lines, "MAX_RISK_PERCENT")
    assert "So far (no journal yet: no bridge was started):" in lines
    assert not (folder / "state").exists()


def test_looking_changes_nothing(folder, offline, capsys):
    keep(folder, LIFE)
    before = files_in(folder)
    shown(capsys)
    shown(capsys, "--json")
    assert before == files_in(folder)


def test_of_several_journals_it_takes_the_one_that_the_settings_name(folder, offline, capsys):
    keep(folder, LIFE)
    keep(folder, [], "simulator-7002")
    assert ["2", "0.5"] == row(shown(capsys), "MAX_RISK_PERCENT")[:2]
    assert ["2", "2"] == row(shown(capsys, "--account", "simulator-7002"), "MAX_RISK_PERCENT")
    offline.write_text(offline.read_text().replace("7001", "7003"))
    assert 2 == cli.main(["limits"])
    assert "say which: simulator-7001, simulator-7002" in capsys.readouterr().err


def test_settings_that_have_nothing_to_do_with_limits_need_not_be_right(folder, offline, capsys):
    offline.write_text(offline.read_text() + "TICK_RATE_HZ=fast\nMAX_RISK_PERCENT=1\n")
    assert ["1", "1"] == row(shown(capsys), "MAX_RISK_PERCENT")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("MAX_VOLUME=much", "MAX_VOLUME: saw 'much', accepts a number above 0"),
        ("MAX_DAYLY_TRADES=3", "did you mean MAX_DAILY_TRADES?"),
    ],
)
def test_a_limit_that_a_start_would_refuse_is_told_instead_of_shown(folder, offline, capsys, line, words):
    offline.write_text(f"{offline.read_text()}{line}\n")
    assert 2 == cli.main(["limits"])
    out, told = capsys.readouterr()
    assert ("", True) == (out, words in told)


def test_a_journal_that_does_not_add_up_is_told(folder, offline, capsys):
    keep(folder, [*LIFE, PositionEnded(9, NOW)])
    assert 1 == cli.main(["limits"])
    assert "does not add up: position 9 is not known, cannot end" in capsys.readouterr().err


# Changing


@pytest.fixture
def running(folder: Path, offline: Path) -> Iterator[RunningBridge]:
    with RunningBridge(folder, load_settings(offline)) as bridge:
        yield bridge


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(leaving, "TAKEN_TIMEOUT_S", 0.2)


def left(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "state" / FOLDER).glob("*.json"))]


def test_a_bridge_that_runs_tightens_at_once_and_the_next_look_shows_it(running, folder, capsys):
    said = shown(capsys, "--tighten", "max_risk_percent=1", "TRADING_ENABLED=false", "--reason", "news")
    assert ["tighten_limits: in force now: MAX_RISK_PERCENT=1, TRADING_ENABLED=false"] == said
    lines = shown(capsys)
    assert ["2", "1", "to", "1", "at"] == row(lines, "MAX_RISK_PERCENT")[:5]
    assert lines[12].endswith("by local: news")
    assert [] == left(folder)


def test_a_restart_keeps_it_and_a_restore_takes_it_back(folder, offline, capsys):
    with RunningBridge(folder, load_settings(offline)):
        shown(capsys, "--tighten", "MAX_RISK_PERCENT=1")
    with RunningBridge(folder, load_settings(offline)):
        assert ["2", "1"] == row(shown(capsys), "MAX_RISK_PERCENT")[:2]
        said = shown(capsys, "--restore", "--reason", "calm")
        assert ["restore_limits: in force are the limits of the settings"] == said
        assert ["2", "2"] == row(shown(capsys), "MAX_RISK_PERCENT")


def test_what_is_as_strict_already_is_in_force(running, capsys):
    assert ["tighten_limits: in force now: MAX_RISK_PERCENT=2"] == shown(
        capsys, "--tighten", "MAX_RISK_PERCENT=2"
    )


def test_what_the_bridge_refuses_is_told_with_its_reason(running, capsys):
    assert 1 == cli.main(["limits", "--tighten", "MAX_RISK_PERCENT=3", "MAX_DAILY_TRADES=5"])
    out, told = capsys.readouterr()
    assert ("", True) == (out, "MAX_RISK_PERCENT: saw 3, in force is 2" in told)
    assert "nothing was changed" in told
    assert ["10", "10"] == row(shown(capsys), "MAX_DAILY_TRADES")


def test_a_bridge_with_the_settings_of_its_start_is_judged_by_its_journal(running, offline, capsys):
    """The file says 0.5 by now, the bridge runs with 2: 1 is a tightening for it."""
    offline.write_text(offline.read_text() + "MAX_RISK_PERCENT=0.5\n")
    assert ["tighten_limits: in force now: MAX_RISK_PERCENT=1"] == shown(
        capsys, "--tighten", "MAX_RISK_PERCENT=1"
    )
    offline.write_text(offline.read_text().replace("=0.5", "=1.5"))
    assert 1 == cli.main(["limits", "--tighten", "MAX_RISK_PERCENT=1.2"])
    assert "in force is 1;" in capsys.readouterr().err


def test_without_a_bridge_it_is_kept_for_the_next_start_and_says_so(folder, offline, capsys, impatient):
    assert 1 == cli.main(["limits", "--tighten", "MAX_RISK_PERCENT=1", "REQUIRE_STOP_LOSS=TRUE"])
    out, told = capsys.readouterr()
    assert ("", True) == (out, f"no bridge with STATE_DIR {Path('state').absolute()} took it" in told)
    assert "refused" not in told
    body = {"MAX_RISK_PERCENT": 1.0, "REQUIRE_STOP_LOSS": True}
    data = {"limits": body, "reason": "hybrid-bridge limits --tighten"}
    assert [{"type": "tighten_limits", "data": data}] == left(folder)
    with RunningBridge(folder, load_settings(offline)) as _, contextlib.suppress(KeyError):
        # Their names alone: what is being taken away cannot be opened on Windows.
        while any((folder / "state" / FOLDER).glob("*.json")):
            threading.Event().wait(0.01)
    assert ["2", "1"] == row(shown(capsys), "MAX_RISK_PERCENT")[:2]


def test_what_the_next_start_will_refuse_is_told_beforehand(folder, offline, capsys, impatient):
    assert 1 == cli.main(["limits", "--tighten", "MAX_RISK_PERCENT=3"])
    assert "as the settings are now, it will be refused: MAX_RISK_PERCENT: saw 3" in capsys.readouterr().err
    assert 1 == cli.main(["limits", "--restore", "--reason", "caf\udce9"])
    assert "restore_limits: no bridge" in capsys.readouterr().err
    assert {"type": "restore_limits", "data": {"reason": "caf?"}} == left(folder)[-1]


def test_a_restore_that_a_tightening_overtook_is_refused(running, folder, capsys, monkeypatch):
    shown(capsys, "--tighten", "MAX_RISK_PERCENT=1")

    def typed_long_ago(state_dir: Path, kind: str, body: dict[str, object]) -> bool:
        (state_dir / FOLDER / "1000-1.json").write_text(json.dumps({"type": kind, "data": body}))
        while (state_dir / FOLDER / "1000-1.json").exists():
            threading.Event().wait(0.01)
        return True

    monkeypatch.setattr("hybrid_bridge.commands.limits.leave", typed_long_ago)
    assert 1 == cli.main(["limits", "--restore", "--reason", "calm"])
    assert "limits were tightened after it was typed" in capsys.readouterr().err
    assert ["2", "1"] == row(shown(capsys), "MAX_RISK_PERCENT")[:2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tighten"], "expected at least one argument"),
        (["--tighten", "MAX_RISK_PERCENT"], "must be NAME=VALUE like MAX_RISK_PERCENT=0.5"),
        (["--tighten", "MAX_RISK_PERCENT=0,5"], "must be NAME=VALUE like MAX_RISK_PERCENT=0.5"),
        (["--tighten", "MAX_RISK_PERCENT=nan"], "accepts a number above 0, at most 100"),
        (["--tighten", "MAX_RISK_PERCENT=0"], "accepts a number above 0, at most 100"),
        (["--tighten", "TRADING_ENABLED=0"], "accepts true or false"),
        (["--tighten", "SYMBOLS=EURUSD"], "must be NAME=VALUE"),
        (["--tighten", "MAX_LOTS=1"], "'max_lots': no limit that can be made stricter"),
        (["--tighten", "MAX_LOTS=1"], "MAX_VOLUME, MAX_RISK_PERCENT"),
        (["--restore"], "--restore needs --reason"),
        (["--restore", "--reason", " "], "must say why it is safe again"),
        (["--restore", "--tighten", "MAX_VOLUME=1"], "not allowed with argument"),
        (["--reason", "why"], "--reason goes with --tighten or --restore"),
    ],
)
def test_what_cannot_be_meant_ends_with_2_and_words(folder, offline, capsys, arguments, words):
    with pytest.raises(SystemExit) as ended:
        cli.main(["limits", *arguments])
    assert 2 == ended.value.code
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (folder / "state").exists()


def test_a_limit_named_twice_is_refused_before_it_is_left(folder, offline, capsys):
    assert 2 == cli.main(["limits", "--tighten", "MAX_VOLUME=1", "--tighten", "max_volume=2"])
    assert "named twice" in capsys.readouterr().err
    assert not (folder / "state").exists()
