"""scripts/scale as it is typed."""

import subprocess
import sys
from pathlib import Path

import pytest
from scripts.scaling.run import merged

PROGRAM = Path(__file__).parents[2] / "scripts" / "scaling" / "run.py"
REPORT = {
    **dict.fromkeys(("ticks", "publishes", "late", "failures", "batch_bytes", "signals", "received"), 40),
    "seconds": 2.0,
    "cpu_s": 0.5,
    "rss_mb": 50.0,
    "connections": 8,
    "wire": {"sent": 1_000, "received": 100, "packets": 10, "total": 1_760},
    "beat_ms": [1.0, 3.0],
    "signal_ms": [],
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts bytes as Linux does")


def test_more_processes_than_bridges_are_refused_in_words() -> None:
    command = [sys.executable, str(PROGRAM), "--bridges", "1", "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 2 == done.returncode
    assert "2 processes for 1 bridges: need one bridge in each" in done.stderr


def test_fleets_are_counted_together_as_rates() -> None:
    seen = merged([REPORT, {**REPORT, "beat_ms": [5.0, 7.0, 9.0]}])
    assert 40.0 == seen["ticks"]
    assert 0.5 == seen["cpu_s"]
    assert 1_760.0 == seen["wire_total"]
    assert 16 == seen["connections"]
    assert 5.0 == seen["beat_ms_p50"]
    assert seen["signal_ms_p50"] is None
