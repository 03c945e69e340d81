"""How entries look as lines."""

import json

import pytest

from hybrid_bridge.logs.lines import Entry, colour_line, json_line, text_line

HEAD = {
    "timestamp": "2026-01-05T09:00:00.123Z",
    "level": "INFO",
    "logger": "hybrid_bridge.execution.executor",
}


def test_a_line_of_text_is_aligned_and_says_everything() -> None:
    entry = {**HEAD, "event": "Order placed", "signal_id": "s-1", "volume": 0.1, "note": "two words"}
    assert text_line(entry) == (
        "2026-01-05T09:00:00.123Z INFO     Order placed                         "
        'signal_id=s-1 volume=0.1 note="two words" [execution.executor]'
    )


def test_a_traceback_follows_on_lines_of_its_own() -> None:
    entry = {**HEAD, "level": "ERROR", "event": "Failed", "exception": "Traceback:\n  ValueError: no"}
    first, *rest = text_line(entry).split("\n")
    assert " ERROR    Failed" in first
    assert rest == ["    Traceback:", "      ValueError: no"]


@pytest.mark.parametrize("line", [text_line, json_line])
@pytest.mark.parametrize("text", ["a\n2026 ERROR Position closed", "\x1b[2J", "\r", "\x9b31m", "\u2028"])
def test_a_text_from_outside_neither_ends_a_line_nor_controls_the_console(line: object, text: str) -> None:
    entry: Entry = {**HEAD, "logger": text, "event": text, "value": text, "many": [text]}
    shown = line(entry)  # type: ignore[operator]
    assert len(shown.splitlines()) == 1 or line is json_line
    assert "\n" not in shown
    assert not set(shown) & {"\x1b", "\r"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (1.10985, "1.10985"),
        ("", '""'),
        ("a=b", '"a=b"'),
        ("größer", "größer"),
        (["a", 1], '["a", 1]'),
    ],
)
def test_values_are_shown_so_that_one_can_tell_where_they_end(value: object, shown: str) -> None:
    assert f" value={shown}" in text_line({**HEAD, "event": "x", "value": value})


def test_a_line_of_json_begins_with_what_every_line_has() -> None:
    entry = {"signal_id": "s", "event": "Order placed", "volume": 0.1, **HEAD}
    line = json_line(entry)
    assert json.loads(line) == entry
    assert list(json.loads(line))[:4] == ["timestamp", "level", "event", "logger"]
    assert '"level": "INFO"' in line


def test_colours_mark_the_level_and_change_no_word() -> None:
    shown = colour_line({**HEAD, "level": "ERROR", "event": "Failed"})
    assert "\x1b[31;1mERROR   \x1b[0m" in shown
    assert "Failed" in shown
