"""The words of a fault: each has its cause and its mend, and says both in one sentence."""

import string

import pytest
from aiokafka import errors as kafka

from hybrid_bridge.streams.diagnosis.faults import (
    FAULTS,
    Fault,
    Finding,
    Verdict,
    Words,
    fault,
    told,
    well,
    wrong,
)


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


def test_what_was_seen_stands_between_cause_and_mend() -> None:
    expected = Fault("tcp_refused", "nothing listens on a:1", "refused", FAULTS["tcp_refused"].mend)
    assert expected == fault("tcp_refused", "refused", address="a:1")
    assert f"nothing listens on a:1 (refused); {expected.mend}" == str(expected)
    assert "nothing listens on a:1 (refused)" == expected.brief


def test_a_cause_that_says_it_all_has_no_brackets() -> None:
    assert "nothing listens on a:1" == fault("tcp_refused", address="a:1").brief


def test_a_finding_of_a_fault_tells_its_cause() -> None:
    refused = fault("tcp_refused", "refused", address="a:1")
    expected = Finding("TCP a:1", Verdict.FAILED, "nothing listens on a:1 (refused)", refused)
    assert expected == wrong("TCP a:1", refused)
    assert Finding("TCP a:1", Verdict.OK, "connects", None) == well("TCP a:1", "connects")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError("gone"), "OSError: gone"),
        (TimeoutError(), "TimeoutError"),
        (kafka.KafkaError("strange"), "KafkaError: strange"),
        (kafka.UnknownTopicOrPartitionError(), "[Error 3] UnknownTopicOrPartitionError"),
    ],
)
def test_an_error_is_told_with_its_kind_once(error: Exception, text: str) -> None:
    assert text == told(error)
