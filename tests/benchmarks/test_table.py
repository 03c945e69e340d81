"""The bench's table."""

from scripts.benchmarks import table
from scripts.benchmarks.figures import Figure, Target

FIGURES = [
    Figure("signal to order_send, p50", 3.0, "ms", 2.0, Target(2, of_ratio=True)),
    Figure("ticks", 4_999.6, "ticks/s", target=Target(5_000, at_least=True)),
    Figure("lost", None),
]


def test_every_figure_stands_under_its_heading() -> None:
    lines = table.render(FIGURES).splitlines()
    heads = {name: lines[0].index(name) + len(name) for name in ("figure", "floor", "ratio", "target")}
    assert "3 ms" == lines[2][: heads["figure"]].split("  ")[-1].strip()
    assert lines[2][: heads["floor"]].endswith(" 2")
    assert lines[2][: heads["ratio"]].endswith(" 1.50x")
    assert lines[2][: heads["target"]].endswith(" <= 2x")
    assert ["met", "MISSED", "-"] == [line.split()[-1] for line in lines[2:]]


def test_the_verdict_names_what_is_missed() -> None:
    assert "1 of 2 targets met; missed: ticks" == table.verdict(FIGURES)
    assert "1 of 1 targets met" == table.verdict(FIGURES[:1])


def test_numbers_show_the_digits_that_count() -> None:
    shown = [table.show(value) for value in (None, 0, 0.123, 9.999, 12.34, 100.4, 5_083.2)]
    assert ["-", "0", "0.12", "10.00", "12.3", "100", "5,083"] == shown
