"""The endurance trial's judge catches every fault; a short trial of the real bridge finds none."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scripts.endurance import played, report
from scripts.endurance.judge import Finding, Message, judge
from scripts.endurance.played import Quote
from scripts.endurance.trial import Blow, Outcome
from tests.blackbox.conftest import ROOT

pytestmark = pytest.mark.not_on_windows("an endurance trial freezes and kills by POSIX's signals")

SHIFT_MSC = 86_400_000 * 4_000
BEGAN_AT = 30  # The place in the file at which the bridge began.
Fault = Callable[[list[Message]], list[Message]]


@pytest.fixture(scope="module")
def quotes(tmp_path_factory: pytest.TempPathFactory) -> list[Quote]:
    plan = played.Plan(("EURUSD",), seconds=20, per_second=20, seed=3)
    (path,) = played.make(plan, tmp_path_factory.mktemp("made"))
    return played.read(path)


def in_topic(quotes: list[Quote], first_seq: int = 1) -> list[Message]:
    """Return a faultless topic of a bridge that began a little later than the file."""
    return [
        Message("EURUSD", seq, quote.time_msc + SHIFT_MSC, quote.bid, quote.ask)
        for seq, quote in enumerate(quotes[BEGAN_AT:], first_seq)
    ]


def verdict(messages: list[Message], quotes: list[Quote]) -> Finding:
    return judge(messages, {"EURUSD": quotes})["EURUSD"]


def test_made_ticks_keep_their_rate_and_some_share_a_millisecond(quotes: list[Quote]) -> None:
    assert 320 < len(quotes) < 480
    assert len({quote.bid for quote in quotes}) == len(quotes)
    assert [quote.time_msc for quote in quotes] == sorted(quote.time_msc for quote in quotes)
    assert 10 < len(quotes) - len({quote.time_msc for quote in quotes}) < 120


def test_what_comes_before_the_start_is_not_played(tmp_path: Path) -> None:
    path = tmp_path / "EURUSD-day.csv"
    start = played.DAY_START_MSC + played.START_MSC
    path.write_text(f"time_msc,bid,ask\n{start - 1},1.1,1.2\n{start},1.3,1.4\n")
    assert [Quote(start, 1.3, 1.4)] == played.read(path)


@pytest.mark.parametrize("first_seq", [1, 77])
def test_a_faultless_topic_is_clean(quotes: list[Quote], first_seq: int) -> None:
    finding = verdict(in_topic(quotes, first_seq), quotes)
    assert Finding(len(quotes) - BEGAN_AT, examples=[]) == finding
    assert finding.clean


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(lambda sent: sent[:50] + sent[51:], {"missing": 1, "holes": 1}, id="one is lost"),
        pytest.param(lambda sent: sent[:-3], {"missing": 3}, id="the end is lost"),
        pytest.param(lambda sent: [*sent[:60], *sent[50:]], {"doubled": 10}, id="a batch comes twice"),
        pytest.param(
            lambda sent: [*sent[:50], sent[51], sent[50], *sent[52:]], {"out_of_order": 1}, id="two exchanged"
        ),
        pytest.param(
            lambda sent: [*sent[:50], replace(sent[50], ask=9.0), *sent[51:]], {"differing": 1}, id="a price"
        ),
        pytest.param(
            lambda sent: [*sent[:50], replace(sent[50], time_msc=1), *sent[51:]],
            {"differing": 1},
            id="a time",
        ),
        pytest.param(
            lambda sent: [*sent, replace(sent[-1], seq=sent[-1].seq + 1)], {"differing": 1}, id="one too many"
        ),
    ],
)
def test_each_fault_is_counted_as_what_it_is(
    quotes: list[Quote], fault: Fault, expected: dict[str, int]
) -> None:
    messages = fault(in_topic(quotes))
    assert replace(Finding(len(messages)), **expected) == replace(verdict(messages, quotes), examples=None)


def test_ticks_numbered_without_holes_though_some_were_left_out_do_not_pass(quotes: list[Quote]) -> None:
    sent = in_topic(quotes)
    renumbered = [replace(message, seq=seq) for seq, message in enumerate(sent[:50] + sent[52:], 1)]
    finding = verdict(renumbered, quotes)
    assert (0, 0, 2) == (finding.holes, finding.doubled, finding.missing)
    assert finding.differing > 0


def test_a_symbol_without_a_single_tick_does_not_pass(quotes: list[Quote]) -> None:
    finding = verdict([], quotes)
    assert (False, len(quotes)) == (finding.clean, finding.missing)


def test_ticks_that_were_never_played_do_not_pass(quotes: list[Quote]) -> None:
    foreign = [replace(message, bid=5.0) for message in in_topic(quotes)]
    assert verdict(foreign, quotes).differing == len(foreign)


@pytest.mark.parametrize(
    ("ended_alone", "exit_code", "audited", "calm"),
    [(["1"], 0, 0, True), ([], 3, 0, True), ([], 0, 1, True), ([], 0, 0, False)],
)
def test_a_bridge_that_ends_wrongly_or_finds_itself_wrong_does_not_pass(
    quotes: list[Quote], ended_alone: list[str], exit_code: int, audited: int, calm: bool
) -> None:
    findings = judge(in_topic(quotes), {"EURUSD": quotes})
    outcome = Outcome([], {"EURUSD": quotes}, [Blow("kill", "broker", 1.0, 0.0, 2.0)], 9.0)
    assert not report.passed(outcome, findings), "audit-ticks has said nothing"
    outcome.audit = {"exit_code": 0}
    assert report.passed(outcome, findings)
    outcome.ended_alone, outcome.exit_code, outcome.calm = ended_alone, exit_code, calm
    outcome.audit = {"exit_code": audited}
    assert not report.passed(outcome, findings)
    assert "BREACH: " in report.render(outcome, findings)


@pytest.mark.kafka
@pytest.mark.scenario
@pytest.mark.timeout(240)
def test_broker_and_bridge_killed_in_turn_cost_no_tick(tmp_path: Path, kafka_here: None) -> None:
    program = [sys.executable, str(ROOT / "scripts" / "endurance" / "run.py"), "--folder", str(tmp_path)]
    plan = ["--target", "both", "--kills", "2", "--minutes", "0.2", "--stop", "0", "--seed", "1"]
    done = subprocess.run([*program, *plan], capture_output=True, text=True, timeout=230, check=False)
    assert "missing 0, doubled 0, out of order 0, differing 0, holes 0" in done.stdout, (
        done.stdout + done.stderr
    )
    assert "audit-ticks: compared " in done.stdout
    assert 0 == done.returncode, done.stdout + done.stderr
