"""Findings: what was seen stands where a reader looks for it, and an error is told with its kind."""

import pytest
from aiokafka import errors as kafka

from hybrid_bridge.findings import Fault, FaultTable, Finding, Verdict, Words, told, well, wrong

FAULT = FaultTable({"refused": Words("nothing listens on {address}", "start {what}")})


def refused(seen: str = "") -> Fault:
    return FAULT("refused", seen, address="a:1", what="it")


def test_what_was_seen_stands_between_cause_and_mend() -> None:
    assert Fault("refused", "nothing listens on a:1", "no answer", "start it") == refused("no answer")
    assert "nothing listens on a:1 (no answer); start it" == str(refused("no answer"))
    assert "nothing listens on a:1 (no answer)" == refused("no answer").brief


def test_a_cause_that_says_it_all_has_no_brackets() -> None:
    assert "nothing listens on a:1" == refused().brief


def test_a_finding_of_a_fault_tells_its_cause() -> None:
    expected = Finding("TCP", Verdict.FAILED, "nothing listens on a:1 (no answer)", refused("no answer"))
    assert expected == wrong("TCP", refused("no answer"))
    assert Finding("TCP", Verdict.OK, "connects", None) == well("TCP", "connects")


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
