"""The audit as a whole, on a topic and a terminal of the test's own making."""

import random
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from operator import itemgetter

import pytest

from hybrid_bridge.commands import auditing
from hybrid_bridge.commands.auditing import Audit, AuditReport
from hybrid_bridge.core.clock_changes import ClockBook, ClockChange
from hybrid_bridge.core.tick_audit import Span
from hybrid_bridge.core.tick_matching import Row
from hybrid_bridge.streams.tick_topic import ReadFigures, TopicTick

START = 1_767_225_600_000
HOUR = 3_600_000
RUN = 100


class Topic:
    """Ticks in the order in which they were written."""

    def __init__(self, ticks: Iterable[TopicTick], *, reaches_back: bool = True) -> None:
        self.figures = ReadFigures()
        self._ticks = list(ticks)
        self._reaches_back = reaches_back

    async def ticks(self) -> AsyncIterator[list[TopicTick]]:
        for first in range(0, len(self._ticks), RUN):
            yield self._ticks[first : first + RUN]

    def reaches_back(self, symbol: str) -> bool:
        return self._reaches_back


class Terminal:
    """Ticks on a server's clock, which may change.

    Attributes:
        asked: how often a span was asked for.
        loading: of each span, so many of the first answers lack its last tick, and one more each time.
    """

    def __init__(self, history: dict[str, list[Row]], *offsets: tuple[int, int]) -> None:
        self.asked = 0
        self.loading = 0
        self._offsets = offsets
        self._ticks = {
            symbol: [(tick[0] + self._ahead_s(tick[0]) * 1000, *tick[1:]) for tick in ticks]
            for symbol, ticks in history.items()
        }

    def _ahead_s(self, utc_msc: int) -> int:
        return [offset_s for from_msc, offset_s in self._offsets if from_msc <= utc_msc][-1]

    async def rows(self, symbol: str, from_msc: int, to_msc: int, offset_s: int) -> list[Row]:
        self.asked += 1
        ahead = offset_s * 1000
        ticks = self._ticks.get(symbol, [])
        first, end = (bisect_left(ticks, at + ahead, key=itemgetter(0)) for at in (from_msc, to_msc))
        found = [(tick[0] - ahead, *tick[1:]) for tick in ticks[first:end]]
        if self.loading:
            self.loading -= 1
            return found[: len(found) - self.loading]
        return found


def made(symbol: str, *, hours: float = 2, every_msc: int = 5_000, seed: int = 1) -> list[Row]:
    draw = random.Random(f"{symbol}{seed}")
    time_msc, rows = START, []
    while True:
        time_msc += round(draw.expovariate(1) * every_msc)
        if time_msc >= START + hours * HOUR:
            return rows
        bid = 1 + draw.randrange(10_000) / 1e5
        rows.append((time_msc, bid, bid + 1e-5, 0.0, 0))


def written(history: dict[str, list[Row]], first_seq: int = 1) -> list[TopicTick]:
    """Return what a bridge without a fault has written of it."""
    ticks = [
        TopicTick(symbol, seq, row)
        for symbol, rows in history.items()
        for seq, row in enumerate(rows, first_seq)
    ]
    return sorted(ticks, key=lambda tick: tick.row[0])


async def audit(
    topic: Topic,
    terminal: Terminal,
    symbols: Iterable[str],
    *,
    hours: float = 2,
    clock: ClockBook | None = None,
    observed_s: int | None = None,
) -> AuditReport:
    span = Span(START, START + round(hours * HOUR))
    return await Audit(span, symbols, topic, terminal, clock or ClockBook(), observed_s).run()


def fixed(offset_s: int) -> ClockBook:
    book = ClockBook(fixed=True)
    book.adopt(0, offset_s)
    return book


HISTORY = {
    "EURUSD": made("EURUSD"),
    "XAUUSD": made("XAUUSD", every_msc=1_500),
    "AUDNZD": made("AUDNZD", every_msc=HOUR // 2),
}
COUNT = sum(map(len, HISTORY.values()))


@pytest.mark.parametrize("offset_s", [10_800, 0, -18_000, 20_700])
async def test_the_servers_clock_is_found_where_topic_and_history_agree(offset_s):
    report = await audit(Topic(written(HISTORY)), Terminal(HISTORY, (0, offset_s)), HISTORY)
    assert (COUNT, 0) == (report.compared, report.wrong)
    assert [ClockChange(0, offset_s)] == report.clock.changes


async def test_faults_of_one_symbol_are_told_by_that_symbol():
    ticks = written(HISTORY)
    gone = [place for place, tick in enumerate(ticks) if tick.symbol == "XAUUSD"][500]
    del ticks[gone]
    report = await audit(Topic(ticks), Terminal(HISTORY, (0, 10_800)), HISTORY)
    found = {symbol: one.figures.faults for symbol, one in report.audits.items()}
    assert {"EURUSD": 0, "XAUUSD": 2, "AUDNZD": 0} == found
    assert (1, 1) == (report.audits["XAUUSD"].figures.missing, report.audits["XAUUSD"].figures.holes)


@pytest.mark.parametrize("step_s", [3_600, -3_600])
async def test_summer_and_winter_time_within_the_range_are_noted_and_no_fault(step_s):
    """Set back, the server's hour comes twice: here the market rests for it, as it does on a Sunday."""
    changed = START + HOUR
    history = {
        symbol: [tick for tick in rows if not changed - HOUR / 2 <= tick[0] < changed + HOUR / 2]
        for symbol, rows in HISTORY.items()
    }
    terminal = Terminal(history, (0, 10_800), (changed, 10_800 + step_s))
    report = await audit(Topic(written(history)), terminal, history)
    assert (sum(map(len, history.values())), 0) == (report.compared, report.wrong)
    assert [10_800, 10_800 + step_s] == [change.offset_s for change in report.clock.changes]
    assert len(report.notes) == 1
    assert f"went from UTC+03:00 to UTC+{3 + step_s // 3_600:02d}:00 at " in report.notes[0]


async def test_a_clock_set_forward_while_ticks_flow_is_found_within_the_stretch():
    changed = START + HOUR + 100_000
    terminal = Terminal(HISTORY, (0, 7_200), (changed, 10_800))
    report = await audit(Topic(written(HISTORY)), terminal, HISTORY)
    assert (COUNT, 0) == (report.compared, report.wrong)
    assert changed <= report.clock.changes[1].from_msc < changed + 5_000


async def test_a_change_that_no_clock_makes_is_a_fault():
    changed = START + HOUR
    terminal = Terminal(HISTORY, (0, 7_200), (changed, 7_200 + 2 * 3_600))
    report = await audit(Topic(written(HISTORY)), terminal, HISTORY)
    assert (COUNT, 1) == (report.compared, report.wrong)
    assert "no clock changes to UTC+04:00 as this one did" in report.faults[0]


async def test_times_made_with_another_offset_than_the_clock_shows_are_a_fault():
    report = await audit(Topic(written(HISTORY)), Terminal(HISTORY, (0, 7_200)), HISTORY, observed_s=10_800)
    assert (COUNT, 1) == (report.compared, report.wrong)
    assert "at UTC+03:00, but the topic's times were made with UTC+02:00" in report.faults[0]


async def test_an_offset_of_the_settings_is_never_questioned():
    report = await audit(Topic(written(HISTORY)), Terminal(HISTORY, (0, 7_200)), HISTORY, clock=fixed(10_800))
    assert 0 == sum(report.audits[symbol].figures.compared for symbol in ("AUDNZD",))
    assert report.wrong > COUNT / 2


async def test_a_topic_of_another_terminal_is_a_fault_and_no_success():
    other = {"EURUSD": made("EURUSD", seed=2)}
    terminal = Terminal(other, (0, 10_800))
    report = await audit(Topic(written({"EURUSD": HISTORY["EURUSD"]})), terminal, ["EURUSD"])
    assert "agree at no offset of the server's clock" in report.faults[0]
    assert report.audits["EURUSD"].figures.faults > len(HISTORY["EURUSD"]) / 2
    assert terminal.asked < 1_000


async def test_a_terminal_that_still_downloads_is_asked_again(monkeypatch):
    monkeypatch.setattr(auditing, "RELOAD_S", 0)
    terminal = Terminal(HISTORY, (0, 10_800))
    terminal.loading = 5
    report = await audit(Topic(written(HISTORY)), terminal, HISTORY, clock=fixed(10_800))
    assert (COUNT, 0) == (report.compared, report.wrong)


async def test_a_symbol_that_the_topic_lacks_is_unsent_from_when_the_others_begin():
    late = START + HOUR
    begun = {"EURUSD": [tick for tick in HISTORY["EURUSD"] if tick[0] >= late]}
    report = await audit(Topic(written(begun)), Terminal(HISTORY, (0, 10_800)), ["EURUSD", "XAUUSD"])
    begins = begun["EURUSD"][0][0]
    assert len([tick for tick in HISTORY["XAUUSD"] if tick[0] >= begins]) == report.unsent
    assert [True] == ["XAUUSD: nothing is in the topic from" in fault for fault in report.faults]


@pytest.mark.parametrize(("behind_s", "wrong"), [(50, 0), (70, 1)])
async def test_a_symbol_that_stays_behind_the_others_is_a_fault(behind_s, wrong):
    ticks = [TopicTick("EURUSD", seq, (START + seq * 1_000, 1.1, 1.2, 0.0, 0)) for seq in range(1, 101)]
    history = {name: [tick.row for tick in ticks] for name in ("EURUSD", "GBPUSD")}
    stuck = [tick._replace(symbol="GBPUSD") for tick in ticks[: -behind_s - 1]]
    report = await audit(Topic([*stuck, *ticks]), Terminal(history, (0, 0)), history, clock=fixed(0))
    assert (behind_s + 1, wrong) == (report.unsent, report.wrong)


async def test_an_outage_that_holds_every_symbol_back_is_no_fault():
    sent = {symbol: [row for row in rows if row[0] < START + HOUR] for symbol, rows in HISTORY.items()}
    report = await audit(Topic(written(sent)), Terminal(HISTORY, (0, 10_800)), HISTORY)
    assert (True, 0) == (report.unsent > 1_000, report.wrong)


async def test_an_empty_topic_compares_nothing_and_asks_the_terminal_nothing():
    terminal = Terminal(HISTORY, (0, 10_800))
    report = await audit(Topic([]), terminal, HISTORY)
    assert (0, 0, 0) == (report.compared, report.wrong, terminal.asked)


async def test_symbols_that_were_not_asked_for_are_passed_over():
    report = await audit(Topic(written(HISTORY)), Terminal(HISTORY, (0, 10_800)), ["EURUSD"])
    assert (["EURUSD"], len(HISTORY["EURUSD"]), 0) == (list(report.audits), report.compared, report.wrong)


async def test_records_that_are_no_tick_are_a_fault_and_those_of_others_a_note():
    topic = Topic(written(HISTORY))
    topic.figures.unreadable, topic.figures.first_unreadable = 3, "ticks/0/17: empty"
    topic.figures.elsewhere = 4
    report = await audit(topic, Terminal(HISTORY, (0, 10_800)), HISTORY)
    assert ["3 records are no tick, the first ticks/0/17: empty"] == report.faults
    assert ["4 records of other accounts were passed over"] == report.notes


async def test_what_retention_has_removed_is_noted():
    topic = Topic(written({"EURUSD": HISTORY["EURUSD"]}, first_seq=900), reaches_back=False)
    report = await audit(topic, Terminal(HISTORY, (0, 10_800)), ["EURUSD"])
    assert 0 == report.wrong
    assert report.notes[0].startswith("EURUSD: the topic begins at 2026-01-01T00:0")


async def test_ticks_sent_again_at_the_end_are_judged_by_the_terminal_once_more():
    ticks = written(HISTORY)
    report = await audit(Topic([*ticks, *ticks[100:300]]), Terminal(HISTORY, (0, 10_800)), HISTORY)
    assert (COUNT, 200) == (report.compared, report.wrong)
    assert 200 == sum(one.figures.doubled for one in report.audits.values())


def altered(ticks: Iterable[TopicTick]) -> list[TopicTick]:
    """Return ticks with other prices."""
    return [TopicTick(symbol, seq, (row[0], row[1] + 5, *row[2:])) for symbol, seq, row in ticks]


async def test_a_few_ticks_that_differ_do_not_speak_against_the_clock():
    quiet = {"AUDNZD": HISTORY["AUDNZD"]}
    terminal = Terminal(HISTORY, (0, 10_800))
    topic = Topic([*written({"EURUSD": HISTORY["EURUSD"]}), *altered(written(quiet))])
    report = await audit(topic, terminal, ["EURUSD", "AUDNZD"])
    assert len(quiet["AUDNZD"]) == report.audits["AUDNZD"].figures.differing
    assert terminal.asked < 120


async def test_where_no_offset_fits_the_search_is_not_made_again_and_again():
    ticks = written({"EURUSD": HISTORY["EURUSD"]})
    half = len(ticks) // 2
    terminal = Terminal(HISTORY, (0, 10_800))
    report = await audit(Topic([*ticks[:half], *altered(ticks[half:])]), terminal, ["EURUSD"])
    assert len(ticks) - half == report.audits["EURUSD"].figures.differing
    assert terminal.asked < 250


async def test_the_offset_that_is_seen_is_tried_first():
    terminal = Terminal(HISTORY, (0, 45_900))
    report = await audit(
        Topic(written({"EURUSD": HISTORY["EURUSD"]})), terminal, ["EURUSD"], observed_s=45_900
    )
    assert 0 == report.wrong
    assert terminal.asked < 60


async def test_a_quiet_symbol_believes_the_change_that_a_busy_one_proves():
    changed = START + 2 * HOUR - 900_000
    history = {
        "AUDNZD": [row for row in HISTORY["AUDNZD"] if row[0] < changed]
        + [(changed + 600_000, 1.5, 1.6, 0.0, 0)],
        "EURUSD": HISTORY["EURUSD"],
    }
    terminal = Terminal(history, (0, 7_200), (changed, 10_800))
    report = await audit(Topic(written(history)), terminal, history)
    assert (sum(map(len, history.values())), 0) == (report.compared, report.wrong)
