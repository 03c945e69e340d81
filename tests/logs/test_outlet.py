"""Entries are taken at once and written in order, whatever the sink does."""

import threading

from hybrid_bridge.logs.lines import Entry
from hybrid_bridge.logs.outlet import Outlet


class Sink:
    """Collects lines; can be made to stand still or to fail."""

    name = "sink"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open = threading.Event()
        self.entered = threading.Event()
        self.open.set()
        self.failing = False
        self.closed = False

    def write(self, line: str) -> None:
        self.entered.set()
        self.open.wait(10)
        if self.failing:
            raise OSError(28, "No space left on device")
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True


class Troubles:
    """What an outlet told about its sink."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []
        self.news = threading.Event()

    def __call__(self, event: str, fields: dict[str, object]) -> None:
        self.told.append((event, fields))
        self.news.set()


def render(entry: Entry) -> str:
    return " ".join(str(value) for value in entry.values())


def test_entries_are_written_in_order_before_closing_returns() -> None:
    sink = Sink()
    outlet = Outlet(sink, render, Troubles())
    for number in range(1000):
        outlet.put({"event": number})
    outlet.close()
    assert (sink.lines, sink.closed) == ([str(number) for number in range(1000)], True)


def test_a_sink_that_stands_still_stops_nobody_and_the_gap_is_told() -> None:
    sink = Sink()
    outlet = Outlet(sink, render, Troubles(), capacity=3)
    sink.open.clear()
    outlet.put({"event": "first"})
    assert sink.entered.wait(10)
    for number in range(10):
        outlet.put({"event": number})
    sink.open.set()
    outlet.flush()
    outlet.put({"event": "last"})
    outlet.close()
    assert sink.lines[0] == "first"
    assert any(" " in line for line in sink.lines), "some line says how many were left out"
    told = sum(int(line.split()[1]) for line in sink.lines if " " in line)
    assert len(sink.lines) + told == 12


def test_closing_does_not_wait_for_a_sink_that_stands_still() -> None:
    sink = Sink()
    outlet = Outlet(sink, render, Troubles(), capacity=1)
    sink.open.clear()
    outlet.put({"event": "stuck"})
    assert sink.entered.wait(10)
    outlet.put({"event": "waiting"})
    outlet.close(timeout_s=0.05)
    assert sink.lines == []
    sink.open.set()


def test_a_failing_sink_is_told_of_once_and_again_when_it_works() -> None:
    sink, troubles = Sink(), Troubles()
    outlet = Outlet(sink, render, troubles)
    sink.failing = True
    for _ in range(5):
        outlet.put({"event": "lost"})
    assert troubles.news.wait(10)
    outlet.put({"event": "lost"})
    sink_works_again(outlet, sink)
    outlet.put({"event": "kept"})
    outlet.close()
    assert sink.lines[-1] == "kept"
    assert troubles.told == [
        (
            "The log cannot be written; the bridge goes on without it",
            {"log": "sink", "problem": "[Errno 28] No space left on device"},
        ),
        ("The log can be written again", {"log": "sink", "lines_lost": 6}),
    ]


def sink_works_again(outlet: Outlet, sink: Sink) -> None:
    """Let the sink work once everything queued so far has failed."""
    reached = threading.Event()
    sink_write = sink.write

    def write(line: str) -> None:
        if line == "mark":
            sink.failing = False
            sink.write = sink_write  # type: ignore[method-assign]
            reached.set()
            return
        sink_write(line)

    sink.write = write  # type: ignore[method-assign]
    outlet.put({"event": "mark"})
    assert reached.wait(10)
