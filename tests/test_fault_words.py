"""The words of every fault: each has its cause and its mend, and every name in them is filled in."""

import string

import pytest

from hybrid_bridge.control.diagnosis import faults as control
from hybrid_bridge.findings import FaultTable, Words
from hybrid_bridge.streams.diagnosis import faults as streams
from hybrid_bridge.terminal.diagnosis import faults as terminal

TABLES = {"control": control.fault, "streams": streams.fault, "terminal": terminal.fault}
FAULTS = [
    pytest.param(table, key, id=f"{part}-{key}") for part, table in TABLES.items() for key in table.words
]


@pytest.mark.parametrize(("table", "key"), FAULTS)
def test_a_fault_has_a_cause_and_a_mend_that_fit_into_a_sentence(table: FaultTable, key: str) -> None:
    for text in table.words[key]:
        assert text == text.strip()
        assert text[-1] not in ".;,:"
        assert "\n" not in text


@pytest.mark.parametrize(("table", "key"), FAULTS)
def test_every_name_in_braces_is_filled_in(table: FaultTable, key: str) -> None:
    names = _names(table.words[key])
    filled = table(key, "this", **dict.fromkeys(names, 7.5))
    assert not set("{}") & set(str(filled))


def _names(words: Words) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(" ".join(words)) if name}
