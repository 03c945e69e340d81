"""Which broker the bench measures with."""

import argparse

import pytest
from scripts.benchmarks import kafka, run
from scripts.benchmarks.options import NAMES

pytestmark = pytest.mark.not_on_windows("scripts/bench measures on POSIX only")

ALL = list(NAMES)


def options(bootstrap: str = "", *, embedded: bool = False) -> argparse.Namespace:
    return argparse.Namespace(bootstrap=bootstrap, embedded=embedded)


def test_what_can_be_named_is_what_can_be_measured() -> None:
    assert (*run.AT_THE_DESK, *run.ALONE) == NAMES


def test_a_broker_that_is_named_is_measured_with() -> None:
    assert "redpanda.lan:9092" == run.choose_broker(options("redpanda.lan:9092"), ALL)


def test_the_broker_that_keeps_its_data_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "why_not", lambda: "")
    assert run.OWN_KAFKA == run.choose_broker(options(), ALL)
    assert run.EMBEDDED == run.choose_broker(options(embedded=True), ALL)


def test_without_it_the_embedded_one_is_taken_and_the_reason_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kafka, "why_not", lambda: "java: not found")
    assert run.EMBEDDED == run.choose_broker(options(), ALL)
    assert "java: not found" in capsys.readouterr().err


def test_no_broker_is_started_for_what_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "why_not", lambda: pytest.fail("was asked"))
    assert run.EMBEDDED == run.choose_broker(options(), ["guard", "simulator"])
