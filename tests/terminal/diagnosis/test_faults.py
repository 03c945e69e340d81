"""The words of a fault: each has its cause and its mend, and every name in them is filled in."""

import string

import pytest

from hybrid_bridge.findings import Words
from hybrid_bridge.terminal.diagnosis.faults import FAULTS, fault


@pytest.mark.parametrize("words", FAULTS.values(), ids=list(FAULTS))
def test_every_fault_has_a_cause_and_a_mend_that_fit_into_a_sentence(words: Words) -> None:
    for text in words:
        assert text == text.strip()
        assert text[-1] not in ".;,:"
        assert "\n" not in text


@pytest.mark.parametrize("key", FAULTS)
def test_every_name_in_braces_is_filled_in(key: str) -> None:
    text = " ".join(FAULTS[key])
    names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    filled = fault(key, "this", **dict.fromkeys(names, 7.5))
    assert not set("{}") & set(str(filled))
