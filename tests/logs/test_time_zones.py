"""Times are UTC wherever the PC stands: in an odd time zone, and at an hour that summer time repeats."""

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
# Writes a line to the log, shows a moment as the journal does, and puts a full log file aside.
PROGRAM = """
import sys, time
from pathlib import Path
import structlog
from hybrid_bridge.clock import SystemClock
from hybrid_bridge.journal.words import iso
from hybrid_bridge.logs import set_up
from hybrid_bridge.settings import LogSettings

with set_up(LogSettings(Path(sys.argv[1]), "INFO", 100, 5), stream=sys.stderr):
    structlog.get_logger("x").info("one", now=SystemClock().utc_msc())
    structlog.get_logger("x").info("two", filler="x" * 200)
print(-time.timezone, iso(1_793_494_800_000))
"""


@pytest.mark.parametrize(
    ("zone", "offset_s"),
    [("UTC0", 0), ("NPT-5:45", 20_700), ("XST12", -43_200), ("EST5EDT", -18_000)],
)
def test_log_file_names_and_journal_do_not_follow_the_pcs_zone(
    tmp_path: Path, zone: str, offset_s: int
) -> None:
    log = tmp_path / "bridge.log"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(log)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TZ": zone},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    now = time.time()
    assert [str(offset_s), "2026-11-01T01:00:00.000Z"] == ended.stdout.split()
    (old,) = [path for path in tmp_path.iterdir() if path != log]
    put_aside = datetime.strptime(f"{old.suffixes[-2]}{old.suffixes[-1]}+0000", ".%Y%m%dT%H%M%S.%fZ%z")
    assert abs(put_aside.timestamp() - now) < 60
    line = old.read_text(encoding="utf-8")
    assert abs(datetime.fromisoformat(line.split()[0]).timestamp() - now) < 60
    assert abs(int(line.split("now=")[1].split()[0]) / 1000 - now) < 60
