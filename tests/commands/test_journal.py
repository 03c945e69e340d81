"""`hybrid-bridge journal`: what it shows, what it exports, and that it only reads."""

import asyncio
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.core.builders import NOW, make_answer, make_close, make_intent, make_order, sending_events
from tests.journal.version_1 import write_version_1

from hybrid_bridge import cli
from hybrid_bridge.core.events import (
    BrokerDayOpened,
    Denial,
    DuplicateReceived,
    Event,
    IntentDenied,
    IntentReceived,
    PositionAdopted,
    PositionEnded,
)
from hybrid_bridge.core.market import Side
from hybrid_bridge.core.orders import Channel, IntentKind, OrderState, Source
from hybrid_bridge.journal.sqlite import SqliteJournal

ROOT = Path(__file__).parents[2]
REDPANDA = Source(Channel.REDPANDA, "trading_signals", 2, 77)
FILLED = make_intent(1, signal_id="s-1", source=REDPANDA, comment="=HYPERLINK(1)", price=1.1001)
LIFE: list[Event] = [
    BrokerDayOpened(20_717, 10_000.5, NOW - 10),
    *sending_events(make_order(FILLED), NOW + 2),
    make_answer(
        1, OrderState.FILLED, retcode=10009, ticket=500, deal=77, volume=0.1, price=1.10013, at_msc=NOW + 35
    ),
    PositionAdopted(500, "EURUSD", Side.BUY, 0.1, 1.10013, 1, NOW + 40),
    DuplicateReceived(1, "s-1", True, REDPANDA, NOW + 50),
    IntentReceived(make_intent(2, signal_id="s-2", volume=None, received_msc=NOW + 3_600_000), "h-2"),
    IntentDenied(2, (Denial("spread", "3 points", "5 points", "wide"),), NOW + 3_600_001),
    PositionEnded(500, NOW + 7_200_000),
]


def keep(folder: Path, events: Sequence[Event] = LIFE, account: str = "7001") -> Path:
    """Leave a journal with these events in STATE_DIR."""
    path = folder / "state" / f"journal-{account}.sqlite"
    path.parent.mkdir(exist_ok=True)
    journal = SqliteJournal(path, account, ["websocket"])
    asyncio.run(journal.record(events, []))
    journal.close()
    return path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert 0 == cli.main(["journal", *arguments])
    return capsys.readouterr().out.splitlines()


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_latest_orders_are_one_line_each(folder, capsys):
    keep(folder)
    expected = [
        "TIME UTC NUMBER SIGNAL WHAT SYMBOL SIDE VOLUME STATE PRICE TICKET REASON",
        "2026-09-21T14:13:20.000Z 1 s-1 entry EURUSD BUY 0.1 filled 1.10013 500",
        "2026-09-21T15:13:20.000Z 2 s-2 entry EURUSD BUY denied spread",
    ]
    assert expected == [" ".join(line.split()) for line in shown(capsys)]


def test_one_order_is_told_event_by_event(folder, capsys):
    keep(folder)
    heading, *lines = shown(capsys, "--signal", "s-1")
    assert "Signal s-1 is intent 1: filled" == heading
    assert [
        "+0 ms",
        "+2 ms",
        "+2 ms",
        "+35 ms",
        "+40 ms",
        "+50 ms",
        "+7200000 ms",
    ] == [" ".join(line.split()[1:3]) for line in lines]
    for line, words in zip(
        lines,
        [
            "received from redpanda (trading_signals/2/77): BUY 0.1 lots EURUSD, stop loss 1.0981",
            "approved: 0.1 lots at 1.1001 on 1.1/1.1001, 20.00 at risk for EURUSD",
            "from here on it may have reached the venue, counted for the broker's day 2026-09-21",
            "filled, 0.1 lots at 1.10013, ticket 500, deal 77 (10009)",
            "position 500 seen: BUY 0.1 lots EURUSD at 1.10013, opened by intent 1",
            "came again from redpanda (trading_signals/2/77), with another content; not acted on",
            "position 500 is gone",
        ],
        strict=True,
    ):
        assert words in line


def test_the_latest_of_one_order_and_a_part_of_its_time_are_told(folder, capsys):
    keep(folder)
    whole = shown(capsys, "--signal", "s-1")
    latest = "the latest 2 of 7 events; --last N shows more"
    assert [whole[0], *whole[-2:], latest] == shown(capsys, "--signal", "s-1", "--last", "2")
    assert whole == shown(capsys, "--signal", "s-1", "--last", "7")
    assert [*whole[:1], *whole[-1:]] == shown(capsys, "--signal", "s-1", "--since", "2026-09-21T15:00")
    assert [*whole[:1], "no events"] == shown(capsys, "--signal", "s-1", "--since", "2026-09-22")
    for form, heads in (("jsonl", 0), ("csv", 1)):
        every = shown(capsys, "--signal", "s-1", "--format", form)
        chosen = shown(capsys, "--signal", "s-1", "--format", form, "--last", "2")
        assert [*every[:heads], *every[-2:]] == chosen


def test_every_event_has_its_line(folder, capsys):
    keep(folder)
    lines = shown(capsys, "--events")
    assert len(LIFE) + 1 == len(lines)
    assert "the broker's day 2026-09-21 began, equity 10000.5" in lines[1]
    assert "denied, nothing was sent: spread: saw 5 points, allowed 3 points (wide)" in lines[-2]


def test_a_table_without_a_time_shows_the_latest_and_says_how_many_there_are(folder, capsys):
    keep(folder, [IntentReceived(make_intent(n), f"h-{n}") for n in range(1, 31)])
    lines = shown(capsys)
    assert (22, "the latest 20 of 30 orders; --last N shows more") == (len(lines), lines[-1])
    assert ["29", "30"] == [line.split()[1] for line in shown(capsys, "--last", "2")[1:3]]
    assert 31 == len(shown(capsys, "--since", "2026-01-01"))
    assert 30 == len(shown(capsys, "--format", "jsonl"))


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--since", "2026-09-21T15:00"], ["2"]),
        (["--since", "2026-09-21T17:00+02:00"], ["2"]),
        (["--until", "2026-09-21T14:13:20.001Z"], ["1"]),
        (["--until", "2026-09-21T14:13:20Z"], []),
        (["--since", "520w"], ["1", "2"]),
    ],
)
def test_a_part_of_the_time_is_shown(folder, capsys, arguments, numbers):
    keep(folder)
    lines = shown(capsys, *arguments, "--format", "jsonl")
    assert numbers == [str(json.loads(line)["number"]) for line in lines]


def test_json_lines_carry_every_field_and_exact_numbers(folder, capsys):
    exact = make_answer(1, OrderState.FILLED, ticket=2**62 + 1, price=0.1 + 0.2, at_msc=NOW)
    keep(folder, [*LIFE[:4], exact, BrokerDayOpened(1, float("nan"), NOW)])
    (order,) = map(json.loads, shown(capsys, "--format", "jsonl"))
    assert ("filled", 2**62 + 1, 0.1 + 0.2) == (
        order["state"],
        order["answer"]["ticket"],
        order["answer"]["price"],
    )
    assert ("=HYPERLINK(1)", "trading_signals", 77) == (
        order["intent"]["comment"],
        order["intent"]["source"]["topic"],
        order["intent"]["source"]["offset"],
    )
    assert ("2026-09-21T14:13:20.002Z", NOW + 2) == (order["sending"], order["sending_msc"])
    events = [json.loads(line) for line in shown(capsys, "--events", "--format", "jsonl")]
    assert [1, 2, 3, 4, 5, 6] == [event["seq"] for event in events]
    assert ("nan", "BrokerDayOpened", "2026-09-21T14:13:20.000Z") == (
        events[-1]["equity"],
        events[-1]["event"],
        events[-1]["at"],
    )


def test_csv_has_the_same_columns_always_and_no_formulas(folder, capsys):
    keep(folder)
    (first, second) = csv.DictReader(io.StringIO("\n".join(shown(capsys, "--format", "csv"))))
    assert "'=HYPERLINK(1)" == first["intent.comment"]
    assert ("1.10013", "500", "true") == (first["answer.price"], first["answer.ticket"], "true")
    assert ("-1", "spread") == (second["intent.source.partition"], second["reason"])
    assert "spread" == json.loads(second["denials"])[0]["check"]
    head = shown(capsys, "--events", "--format", "csv")[0].split(",")
    assert len(set(head)) == len(head)
    assert head == shown(capsys, "--events", "--format", "csv", "--until", "2020-01-01")[0].split(",")
    columns = {
        "order.request.sl",
        "order.intent.symbol",
        "equity",
        "source.topic",
        "at",
        "order.request",
    } & set(head)
    assert {"order.request.sl", "order.intent.symbol", "equity", "source.topic", "at"} == columns


def test_what_senders_wrote_cannot_steer_the_console(folder, capsys):
    nasty = make_intent(1, signal_id="s\x1b[2Jx\n", comment="\x07\u202e")
    keep(folder, [IntentReceived(nasty, "h")])
    told = "\n".join([*shown(capsys), *shown(capsys, "--events")])
    assert "s\\x1b[2Jx\\n" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)


def test_a_file_is_written_once_and_nothing_is_written_over(folder, capsys):
    path = keep(folder)
    assert [] == shown(capsys, "--format", "jsonl", "--output", "out.jsonl")
    assert 2 == len((folder / "out.jsonl").read_text().splitlines())
    before = path.read_bytes()
    for taken in ("out.jsonl", str(path)):
        assert 2 == cli.main(["journal", "--output", taken])
        assert f"--output: {taken} is there already; name another file" in capsys.readouterr().err
    assert before == path.read_bytes()
    assert 1 == cli.main(["journal", "--output", "nowhere/out.jsonl"])
    assert "cannot be written" in capsys.readouterr().err


def test_without_a_journal_or_with_several_it_says_what_there_is(folder, capsys):
    assert 1 == cli.main(["journal"])
    assert f"no journal in STATE_DIR {folder / 'state'}; a bridge makes it" in capsys.readouterr().err
    keep(folder)
    keep(folder, account="simulator")
    assert 2 == cli.main(["journal"])
    assert "say which: 7001, simulator" in capsys.readouterr().err
    assert 3 == len(shown(capsys, "--account", "simulator"))
    assert 2 == cli.main(["journal", "--account", "9"])
    assert "no journal of 9" in capsys.readouterr().err


def test_a_signal_that_is_not_there_is_told(folder, capsys):
    keep(folder)
    assert 1 == cli.main(["journal", "--signal", "s-9"])
    assert "no order with the signal id 's-9' in the journal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "must be a time like 2026-11-22T13:00 (UTC) or how long ago"),
        (["--last", "0"], "must be a whole number from 1 on, got '0'"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--signal", "s", "--events"], "not allowed with"),
        (["--since", "2026-09-22", "--until", "2026-09-21"], "--until must be later than --since"),
    ],
)
def test_what_cannot_be_meant_ends_with_2_and_words(capsys, arguments, words):
    with pytest.raises(SystemExit) as left:
        cli.main(["journal", *arguments])
    assert 2 == left.value.code
    assert words in capsys.readouterr().err


def test_an_older_journal_is_shown_and_not_migrated(folder, capsys):
    path = folder / "state" / "journal-7001.sqlite"
    path.parent.mkdir()
    write_version_1(path)
    before = files_in(path.parent)
    assert "filled" in shown(capsys)[1]
    assert before == files_in(path.parent)


@pytest.mark.parametrize("content", [b"", b"no database, " * 1000])
def test_a_file_that_is_no_journal_is_one_line(folder, capsys, content):
    (folder / "state").mkdir()
    (folder / "state" / "journal-7001.sqlite").write_bytes(content)
    assert 1 == cli.main(["journal"])
    assert 1 == len(capsys.readouterr().err.splitlines())


WRITER = """
import asyncio, sys
from pathlib import Path
from hybrid_bridge.core.events import IntentReceived
from hybrid_bridge.journal.sqlite import SqliteJournal
from tests.core.builders import make_intent

async def main():
    journal = SqliteJournal(Path(sys.argv[1]), "7001", ["websocket"])
    number = 100
    for line in sys.stdin:
        number += 1
        await journal.record([IntentReceived(make_intent(number), "h")], [])
        print(number, flush=True)

asyncio.run(main())
"""


def test_it_sees_the_latest_of_a_running_bridge_and_of_one_that_died_and_changes_nothing(folder, capsys):
    path = keep(folder)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    for number in (101, 102):
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        assert f"{number}".encode() == writer.stdout.readline().rstrip()
        before = files_in(path.parent)
        assert str(number) == shown(capsys)[-1].split()[1]
        assert before == files_in(path.parent)
    writer.kill()
    writer.communicate(timeout=10)
    assert {path.name, f"{path.name}-wal", f"{path.name}-shm"} == set(files_in(path.parent))
    before = files_in(path.parent)
    assert "102" == shown(capsys)[-1].split()[1]
    assert before == files_in(path.parent)
    path.with_name(f"{path.name}-shm").unlink()  # As in a copy that somebody was sent.
    before = files_in(path.parent)
    assert "102" == shown(capsys)[-1].split()[1]
    assert before == files_in(path.parent)
    journal = SqliteJournal(path, "7001", ["websocket"])  # And the bridge can start again.
    journal.close()


def test_a_reader_that_has_seen_enough_ends_it_quietly(folder):
    keep(folder, [IntentReceived(make_intent(n), f"h-{n}") for n in range(1, 3_000)])
    program = subprocess.Popen(
        [sys.executable, "-m", "hybrid_bridge", "journal", "--last", "3000"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stderr is not None
    with program.stdout, program.stderr:
        assert program.stdout.readline().startswith("TIME UTC")
        program.stdout.close()
        assert "" == program.stderr.read()
        program.wait(timeout=60)


def test_commands_are_told_by_what_they_ask_for(folder, capsys):
    close = make_intent(1, kind=IntentKind.CLOSE, signal_id=make_close().command_id, ticket=500, volume=None)
    keep(folder, [IntentReceived(close, "h")])
    assert "close all of position 500 EURUSD" in shown(capsys, "--signal", close.signal_id)[1]


def test_an_event_of_a_later_version_is_shown_as_it_stands(folder, capsys):
    path = keep(folder)
    other = sqlite3.connect(path)
    with other:
        other.execute("INSERT INTO events (kind, body) VALUES ('OrderTeleported', '{\"at_msc\":5,\"to\":1}')")
    other.close()
    assert (
        "OrderTeleported, which this version cannot read: {'at_msc': 5, 'to': 1}"
        in shown(capsys, "--events")[-1]
    )
