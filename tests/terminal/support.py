"""What the tests of the terminal's side share: a script to write, settings to make, things to wait for."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hybrid_bridge.settings import Settings, TerminalSettings
from hybrid_bridge.terminal.operations import ReportArgs

HERE = Path(__file__).parent
MODULE = "scripted_terminal"
PLAIN = ReportArgs(valued=False)
PUT_TIMEOUT_S = 5.0


class Script:
    """What the scripted terminal says; change it with `say` while workers run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: dict[str, Any] = {}
        self.say()

    def say(self, **changes: Any) -> None:
        """Change keys of the script; None removes one."""
        self.content |= changes
        kept = {key: value for key, value in self.content.items() if value is not None}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(kept))
        self._put(fresh)

    def _put(self, fresh: Path) -> None:
        """Replace the script; on Windows that must wait while a worker has it open."""
        end_s = time.monotonic() + PUT_TIMEOUT_S
        while True:
            try:
                fresh.replace(self.path)
            except PermissionError:
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.001)
            else:
                return

    @property
    def environment(self) -> dict[str, str]:
        """What a worker needs to find module and script."""
        return {"SCRIPTED_TERMINAL": str(self.path), "PYTHONPATH": str(HERE)}

    @property
    def stalled(self) -> bool:
        """Whether a call has reached its stall."""
        return Path(f"{self.path}.stalled").exists()

    def logins(self) -> list[int | None]:
        """Return the account that each initialize so far named, None for none."""
        return [
            json.loads(line).get("login") for line in Path(f"{self.path}.connects").read_text().splitlines()
        ]

    def orders_sent(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the order_check and order_send calls so far."""
        calls = Path(f"{self.path}.calls")
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [tuple(json.loads(line)) for line in lines]


class WallClock:
    """Real time."""

    def utc_msc(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def terminal_settings(**settings: Any) -> TerminalSettings:
    """The slice for terminal/, from nothing but these settings."""
    return Settings(_env_file=None, **({"symbols": "EURUSD"} | settings)).terminal


async def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  another process gives no event here
            await asyncio.sleep(0.005)
