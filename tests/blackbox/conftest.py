"""What the sieges need beside their own programs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kafka_here() -> None:
    """Skip where no Kafka can be run."""
    script = str(ROOT / "scripts" / "kafka")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
