"""A command left in STATE_DIR: what is said of it when nobody takes it, and what a reason looks like."""

import argparse
import json
from pathlib import Path

import pytest

from hybrid_bridge.commands import leaving
from hybrid_bridge.commands.leaving import REASON_CHARS_MAX, as_sent, leave, not_taken, why
from hybrid_bridge.control.local_commands import FOLDER


def test_a_reason_that_says_nothing_is_none():
    assert "because" == why("because")
    with pytest.raises(argparse.ArgumentTypeError, match="must say why"):
        why(" \t")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("x" * 501, "x" * REASON_CHARS_MAX), ("caf\udce9", "caf?"), ("n\u00f6 \u2026", "n\u00f6 \u2026")],
)
def test_a_reason_leaves_in_a_form_that_no_bridge_refuses(typed, sent):
    assert sent == as_sent(typed)


def test_what_nobody_takes_stays_and_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(leaving, "TAKEN_TIMEOUT_S", 0.05)
    assert not leave(tmp_path, "emergency_stop", {"reason": "fire"})
    (file,) = (tmp_path / FOLDER).iterdir()
    assert {"type": "emergency_stop", "data": {"reason": "fire"}} == json.loads(file.read_text())
    said = not_taken(Path("state"), "emergency_stop")
    assert (
        f"emergency_stop: no bridge with STATE_DIR {Path('state').absolute()} took it within 0.05 s" in said
    )
