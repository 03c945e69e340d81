"""`hybrid-bridge audit-ticks`: what it is asked, what it refuses, and what it answers."""

import asyncio
import json
from dataclasses import replace

import pytest

from hybrid_bridge import cli
from hybrid_bridge.commands import audit_ticks
from hybrid_bridge.commands.auditing import AuditReport
from hybrid_bridge.core.clock_changes import ClockBook
from hybrid_bridge.core.tick_audit import Example, Span, SymbolAudit
from hybrid_bridge.core.tick_matching import Row
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.settings import Settings
from hybrid_bridge.streams.tick_topic import ReadFigures
from hybrid_bridge.terminal.lane import Lane
from hybrid_bridge.terminal.lanes import lane_options

START = 1_767_225_600_000
SPAN = Span(START, START + 60_000)
ROW: Row = (START + 1, 1.1, 1.2, 0.0, 0)


@pytest.fixture
def answered(monkeypatch):
    """Have the command print a report of the test's own."""

    def answer(report: AuditReport, *arguments: str) -> int:
        async def audit(options: object) -> AuditReport:
            return report

        monkeypatch.setattr(audit_ticks, "_audit", audit)
        return cli.main(["audit-ticks", "--from", "1h", *arguments])

    return answer


def report(**figures: int) -> AuditReport:
    audit = SymbolAudit("EURUSD", SPAN)
    audit.figures = replace(audit.figures, **figures)
    clock = ClockBook()
    clock.adopt(0, 10_800)
    return AuditReport(SPAN, {"EURUSD": audit}, ReadFigures(records=5), clock)


def test_nothing_wrong_and_something_compared_is_clean(answered, capsys):
    assert 0 == answered(report(compared=5))
    told = capsys.readouterr().out.splitlines()
    assert "ticks from 2026-01-01T00:00:00.000Z to 2026-01-01T00:01:00.000Z" == told[0]
    assert ["EURUSD", "5", "0", "0", "0", "0", "0", "0", "0"] == told[2].split()
    assert "clean: every tick once, in order, unchanged" == told[-1]


@pytest.mark.parametrize("kind", ["missing", "doubled", "out_of_order", "differing", "unknown", "holes"])
def test_a_single_fault_of_any_kind_is_not_clean(answered, capsys, kind):
    assert 1 == answered(report(compared=5, **{kind: 1}))
    assert capsys.readouterr().out.endswith("NOT CLEAN: 1 faults\n")


def test_a_fault_beside_the_ticks_is_not_clean(answered, capsys):
    made = report(compared=5)
    made.faults.append("the clock is wrong")
    assert 1 == answered(made)
    assert "fault: the clock is wrong\n" in capsys.readouterr().out


def test_nothing_compared_is_not_clean(answered, capsys):
    assert 1 == answered(report())
    assert "NOT CLEAN: nothing could be compared" in capsys.readouterr().out


def test_what_is_not_sent_yet_is_a_fault_only_when_all_should_be(answered, capsys):
    assert 0 == answered(report(compared=5, unsent=2))
    assert capsys.readouterr().out.endswith(
        "clean: every tick once, in order, unchanged; 2 are not sent yet\n"
    )
    assert 1 == answered(report(compared=5, unsent=2), "--complete")
    assert capsys.readouterr().out.endswith("NOT CLEAN: 2 ticks are not in the topic yet\n")


def test_examples_show_both_sides(answered, capsys):
    made = report(compared=5, differing=1, missing=1)
    deal: Row = (START + 1, 1.1, 1.2, 1.15, 7)
    made.audits["EURUSD"].examples += [Example("differing", deal, ROW), Example("missing", None, ROW)]
    answered(made)
    told = capsys.readouterr().out
    at = "2026-01-01T00:00:00.001Z"
    assert f"EURUSD: differing topic {at} 1.1/1.2 last 1.15 volume 7, terminal {at} 1.1/1.2\n" in told
    assert f"EURUSD: missing {at} 1.1/1.2\n" in told


def test_a_program_gets_everything(answered, capsys):
    made = report(compared=5, doubled=1)
    made.notes.append("a note")
    made.audits["EURUSD"].examples.append(Example("doubled", ROW, ROW))
    assert 1 == answered(made, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (False, "1 faults", ["a note"]) == (told["clean"], told["verdict"], told["notes"])
    assert {"compared": 5, "doubled": 1} == {name: count for name, count in told["total"].items() if count}
    assert 1 == told["symbols"]["EURUSD"]["doubled"]
    assert [{"kind": "doubled", "topic": list(ROW), "terminal": list(ROW)}] == told["symbols"]["EURUSD"][
        "examples"
    ]
    assert [{"from_msc": 0, "offset_s": 10_800}] == told["clock"]


def test_latest_prices_are_refused_with_the_reason(offline, capsys):
    offline.write_text(offline.read_text() + "TICK_MODE=latest\n")
    assert 2 == cli.main(["audit-ticks", "--from", "1h"])
    assert "leaves the others out on purpose" in capsys.readouterr().err


def test_settings_that_cannot_be_used_are_refused(offline, capsys):
    offline.write_text("TICK_RATE_HZ=fast\n")
    assert 2 == cli.main(["audit-ticks", "--from", "1h"])
    assert "TICK_RATE_HZ" in capsys.readouterr().err


def test_a_simulated_terminal_that_is_named_nowhere_is_told(offline, capsys):
    offline.write_text("MT5_BACKEND=simulator\nMT5_LOGIN=7001\n")
    assert 2 == cli.main(["audit-ticks", "--from", "1h"])
    assert "SIM_ADDRESS: no simulated terminal is named" in capsys.readouterr().err


def refused(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(["audit-ticks", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--from"),
        (["--from", "yesterday"], "2026-11-22T13:00"),
        (["--from", "1h", "--to", "2h"], "earlier than --to"),
        (["--from", "2999-01-01"], "earlier than --to and than now"),
        (["--from", "1h", "--symbols", " , "], "names like EURUSD"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, word, capsys):
    assert 2 == refused(*arguments)
    assert word in capsys.readouterr().err


def test_the_help_explains_every_figure(capsys):
    assert 0 == refused("--help")
    told = capsys.readouterr().out
    for word in (
        "missing:",
        "doubled:",
        "differing:",
        "unknown:",
        "holes:",
        "unsent:",
        "--complete",
        "--json",
    ):
        assert word in told


def test_the_range_and_the_symbols_are_taken_as_typed(monkeypatch):
    seen = []

    async def audit(options):
        seen.append((options.since, options.until, options.symbols))
        return report(compared=1)

    monkeypatch.setattr(audit_ticks, "_audit", audit)
    typed = ["--from", "2026-01-01", "--to", "2026-01-01T02:01+02:00", "--symbols", "EURUSD, XAUUSD,EURUSD"]
    assert 0 == cli.main(["audit-ticks", *typed])
    assert [(START, START + 60_000, ("EURUSD", "XAUUSD"))] == seen


async def test_a_worker_that_dies_each_time_is_told_and_not_waited_for_for_ever(tmp_path):
    (tmp_path / "dying_package.py").write_text("import os\n\nos._exit(3)\n")
    terminal = Settings(_env_file=None, mt5_backend="simulator", sim_address="127.0.0.1:1").terminal
    options = replace(
        lane_options("audit", terminal), module="dying_package", environment={"PYTHONPATH": str(tmp_path)}
    )
    changed = asyncio.Event()
    lane = Lane(options, on_change=changed.set)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        living = tasks.create_task(lane.run())
        with pytest.raises(
            BridgeError, match="cannot be asked, its worker process failed: it ended with exit"
        ):
            await audit_ticks._until_ready(lane, changed)
        living.cancel()


async def test_whoever_waits_for_the_terminal_is_told_for_what(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(audit_ticks, "QUIET_S", 0.05)
    monkeypatch.setattr(audit_ticks, "TOLD_EVERY_S", 0.05)
    (tmp_path / "slow_package.py").write_text(
        "import time\n\n\ndef shutdown():\n    return True\n\n\n"
        "def initialize(**_):\n    time.sleep(60)\n\n\ndef last_error():\n    return 1, ''\n"
    )
    terminal = Settings(_env_file=None, mt5_backend="simulator", sim_address="127.0.0.1:1").terminal
    options = replace(
        lane_options("audit", terminal), module="slow_package", environment={"PYTHONPATH": str(tmp_path)}
    )
    changed = asyncio.Event()
    lane = Lane(options, on_change=changed.set)
    told = ""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        living = tasks.create_task(lane.run())
        waiting = tasks.create_task(audit_ticks._until_ready(lane, changed))
        while told.count("\n") < 2:
            await asyncio.sleep(0.01)
            told += capsys.readouterr().err
        waiting.cancel()
        living.cancel()
    assert told.startswith("waiting for the terminal, 0 s so far (given up after two minutes or so")
