"""STATE_DIR/bridge_status.json: what a running bridge says of itself, for whoever looks without asking it.

Owns that file, both ends of it. The bridge writes it every WRITE_INTERVAL_S, never on the loop, and
`hybrid-bridge status` reads it. A status that cannot be written disturbs nothing else: trading does not
depend on it. It holds no password and no token.
"""

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.whole_file import replace_text

log = structlog.get_logger(__name__)

FILE = "bridge_status.json"
FORMAT = 1
WRITTEN = {"pid", "started_msc", "written_msc", "ended", "status", "account_seen"}
WRITE_INTERVAL_S = 2.0
# On Windows a file that somebody reads cannot be replaced; that passes by the next time.
FAILURES_TO_COMPLAIN = 5

Status = dict[str, Any]


class StatusFile:
    """The bridge's end of the file."""

    def __init__(self, state_dir: Path, run: Mapping[str, object]) -> None:
        """Write nothing yet.

        Args:
            run: what does not change while the bridge runs, in plain values.
        """
        self._path = state_dir / FILE
        self._utc_msc = SystemClock().utc_msc
        self._run = {"format": FORMAT, "pid": os.getpid(), "started_msc": self._utc_msc(), **run}
        self._failures = 0
        self._writing = threading.Lock()
        self._is_over = False

    async def keep(
        self, read: Callable[[], Mapping[str, object]], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        """Write the status again and again, for ever.

        Args:
            read: gives the status, in plain values.
            sleep: waits so many seconds.
        """
        while True:
            await asyncio.to_thread(self._write, self._text(read(), None))
            await sleep(WRITE_INTERVAL_S)

    def end(self, status: Mapping[str, object], how: str, reason: str = "") -> None:
        """Write the last status; one that is still being written cannot come behind it.

        Args:
            how: stopped, forced or failed.
            reason: why it failed.
        """
        self._write(self._text(status, {"how": how, "reason": reason}), last=True)

    def _text(self, status: Mapping[str, object], ended: Mapping[str, str] | None) -> str:
        record = {**self._run, "written_msc": self._utc_msc(), "ended": ended, **status}
        return json.dumps(record, default=str)

    def _write(self, text: str, *, last: bool = False) -> None:
        """Put a status in the place of the one before; a failure is logged once it lasts."""
        with self._writing:
            if self._is_over:
                return
            self._is_over = last
            try:
                replace_text(self._path, text)
            except OSError as error:
                self._failures += 1
                if last or self._failures == FAILURES_TO_COMPLAIN:
                    log.warning("The status file cannot be written", file=str(self._path), error=str(error))
            else:
                self._failures = 0


def read_status(state_dir: Path) -> Status | None:
    """Return what a bridge wrote last; None when none has.

    Raises:
        BridgeError: when the file cannot be read or is none of ours.
    """
    path = state_dir / FILE
    try:
        status = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BridgeError(f"{path}: cannot be read ({error}); a bridge that runs writes it anew") from error
    if not isinstance(status, dict) or status.get("format") != FORMAT or not status.keys() >= WRITTEN:
        raise BridgeError(f"{path}: is of another version of the bridge; start that one's own `status`")
    return status
