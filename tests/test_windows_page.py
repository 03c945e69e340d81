"""docs/windows.md: its pictures are what the programs print now, and what it names is there."""

import re
from functools import cache
from pathlib import Path

import pytest
from scripts.picturing.drawing import COLUMNS_MAX, draw, fitted
from scripts.picturing.scenes import PICTURES, TITLE, kept, scenes

from hybrid_bridge.cli import COMMAND_TABLE
from hybrid_bridge.commands.supervising import FINAL_WORDS
from hybrid_bridge.host.supervisor import Patience
from hybrid_bridge.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "windows.md").read_text(encoding="utf-8")
BAT = (ROOT / "start_bridge.bat").read_text(encoding="ascii")


@cache
def source() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src" / "hybrid_bridge").rglob("*.py")
    )


@pytest.mark.parametrize("name", list(scenes()))
def test_a_picture_is_what_the_program_prints_now(name: str) -> None:
    """After a change of words: scripts/pictures --draw"""
    assert draw(TITLE, scenes()[name]) == (PICTURES / f"{name}.svg").read_text(encoding="utf-8")


def test_every_picture_is_on_the_page_and_every_one_on_the_page_is_there() -> None:
    shown = set(re.findall(r"\(pictures/(\w+)\.svg\)", PAGE))
    assert set(scenes()) == shown == {path.stem for path in PICTURES.glob("*.svg")}


def test_what_was_kept_of_the_demo_is_said_by_the_bridge_still() -> None:
    for line in kept("demo")[2:]:
        sentence = re.split(r"  |\d", line[17:])[0].removeprefix("INFO ").strip()
        assert sentence in source(), line


def test_what_was_kept_of_the_status_is_said_by_the_bridge_still() -> None:
    for line in kept("status")[2:]:
        label = re.split(r"  ", line)[0]
        assert f'"{label}"' in source(), line


def test_the_choices_that_the_page_names_do_what_it_says() -> None:
    words = {
        "3": "demo",
        "4": "check",
        "5": "status",
        "6": "stop",
        "7": "resume",
        "8": "settings",
        "9": "log",
    }
    words |= {"1": "hybrid", "2": "websocket", "10": "update", "11": "redpanda", "13": "service"}
    for number, word in words.items():
        assert f"`{number}`" in PAGE
        assert re.search(rf'if "%CHOICE%"=="{number}" +set "CHOICE={word}"', BAT), number


def test_what_the_page_tells_to_type_is_a_command() -> None:
    typed = set(re.findall(r"Scripts\\hybrid-bridge ([a-z-]+)", PAGE))
    chosen = set(re.findall(r"`start_bridge\.bat ([a-z-]+)", PAGE))
    assert {"journal", "limits"} == typed
    assert {"stop", "status", "service"} == chosen
    assert typed <= set(COMMAND_TABLE)
    assert all(f'if /i "%CHOICE%"=="{word}"' in BAT for word in chosen)


def test_the_settings_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`?\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b", PAGE))
    assert named <= {name.upper() for name in Settings.model_fields} | {"STATE_DIR"}


def test_what_is_never_started_again_has_the_words_of_the_program() -> None:
    for words in FINAL_WORDS.values():
        assert re.split("[,:.]", words)[0] in PAGE
    assert "the bridge has ended as asked" in PAGE


def test_the_waits_before_another_start_are_those_of_the_program() -> None:
    patience = Patience()
    told = [f"{patience.wait_s(failures):g}" for failures in (1, 2, 3)]
    assert f"after {told[0]} seconds, then after {told[1]}, {told[2]} and so on up to 5 minutes" in PAGE
    assert (300.0, 10) == (patience.longest_s, patience.failures_max)
    assert "after ten failures in a row" in PAGE


@pytest.mark.parametrize("link", re.findall(r"\]\(([\w.]+\.md)\)", PAGE))
def test_every_page_it_points_to_is_there(link: str) -> None:
    assert (ROOT / "docs" / link).is_file()


class TestDrawing:
    def test_a_wide_line_is_broken_between_words_below_its_own_indent(self) -> None:
        rows = fitted("    one two three", columns=12)
        assert ["    one two", "      three"] == rows

    def test_a_word_without_end_is_broken_where_the_window_ends(self) -> None:
        assert [COLUMNS_MAX, True] == [len(fitted("x" * 500)[0]), all(map(str.strip, fitted("x" * 500)))]

    def test_what_xml_would_take_for_its_own_is_shown(self) -> None:
        assert "&lt;b&gt; &amp; c" in draw("t", ["<b> & c"])

    def test_a_failure_stands_out(self) -> None:
        assert '#ff7b72" textLength' in draw("t", ["  FAILED    Algo Trading"])
