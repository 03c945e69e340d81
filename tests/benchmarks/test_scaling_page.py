"""docs/scaling.md names what exists, and its sums are right."""

import re
from pathlib import Path

import pytest

from hybrid_bridge.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
PREFIXES = ("REDPANDA_", "TICK_", "SIGNAL_", "JOURNAL_", "MT5_")


def cells(heading: str) -> list[str]:
    """Return the cells of the table row that begins so, the heading left out."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {heading}"))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def number(text: str) -> float:
    """Return the first number of a cell."""
    found = re.search(r"[\d,]+(?:\.\d+)?", text)
    assert found, text
    return float(found[0].replace(",", ""))


def test_every_setting_on_the_page_exists() -> None:
    named = {name for name in re.findall(r"\b[A-Z][A-Z0-9_]{4,}\b", PAGE) if name.startswith(PREFIXES)}
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_default_codec_is_the_one_that_the_page_says() -> None:
    said = re.search(r"^(\w+) is the default", PAGE, re.MULTILINE)
    assert said
    assert Settings.model_fields["redpanda_compression"].default == said[1]


def test_every_page_and_script_that_is_referred_to_exists() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    for script in re.findall(r"scripts/(\w+)", PAGE):
        assert (ROOT / "scripts" / script).exists(), script


@pytest.mark.parametrize("column", [0, 1, 2])
def test_the_sums_for_so_many_accounts_are_right(column: int) -> None:
    accounts = (10, 1_000, 100_000)[column]
    assert 8 * accounts == number(cells("ticks a second")[column])
    assert 8 * accounts == number(cells("connections (8)")[column])
    partitions = number(cells("partitions, topics of their own")[column])
    assert 3 * accounts == partitions
    memory_gb = number(cells("their memory")[column]) * (
        1_000 if "TB" in cells("their memory")[column] else 1
    )
    assert partitions * 3 * 2 / 1_000 == pytest.approx(memory_gb, rel=0.15)
    disk = cells("disk, 7 days, 3 copies")[column]
    assert 1.2 * accounts == pytest.approx(number(disk) * (1_000 if "TB" in disk else 1))
    cores = number(cells("cores busy")[column])
    each_ms = number(re.search(r"^\| cores busy \(([^)]*)", PAGE, re.MULTILINE)[1])  # type: ignore[index]
    assert accounts * each_ms / 1_000 == pytest.approx(cores, rel=0.1)
