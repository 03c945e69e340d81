"""A simulated terminal in a process of its own, for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


class Simulator:
    """A running simulated terminal.

    Attributes:
        ready: the line it printed: its addresses.
    """

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hybrid_bridge.simulator", "--listen", "127.0.0.1:0", *options],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready: dict[str, str] = json.loads(self.process.stdout.readline())

    def end(self) -> tuple[int, str, str]:
        """Terminate it, and give its exit code and what else it wrote."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._rest()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self._rest()

    def _rest(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err
