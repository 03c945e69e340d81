"""Commands typed on this PC: they reach the bridge through its STATE_DIR, with every channel down.

`hybrid-bridge stop` leaves a file in the contract's own envelope; the bridge takes it within a moment, or
before anything else at its next start. Owns that folder, both ends of it. Local commands are the trader's
own: `resume_trading` is always permitted here.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from hybrid_bridge.core.inputs import Input, MalformedReceived
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX, DataRequested, decode_or_reject
from hybrid_bridge.ports import Clock, Inbox

log = structlog.get_logger(__name__)

FOLDER = "commands"
LOOK_INTERVAL_S = 0.25
TAKEN_POLL_S = 0.05


def leave_command(state_dir: Path, kind: str, body: dict[str, object]) -> Path:
    """Leave one command for the bridge.

    Args:
        kind: a message type of the contract.
        body: its data.
    Returns:
        The file; it is gone once the bridge has acted on it.
    Raises:
        BridgeError: when it cannot be written.
    """
    folder = state_dir / FOLDER
    name = f"{time.time_ns()}-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{name}.draft"
        draft.write_text(json.dumps({"type": kind, "data": body}), encoding="utf-8")
        return draft.rename(folder / f"{name}.json")
    except OSError as error:
        raise BridgeError(f"cannot leave the command in {folder}: {error}; check STATE_DIR") from error


def wait_taken(command: Path, timeout_s: float) -> bool:
    """Wait, blocking, until the bridge has acted on a command; False when it did not in time."""
    deadline = time.monotonic() + timeout_s
    while command.exists():
        if time.monotonic() >= deadline:
            return False
        time.sleep(TAKEN_POLL_S)
    return True


class LocalCommands:
    """The bridge's end of the folder."""

    def __init__(self, state_dir: Path, inbox: Inbox, clock: Clock) -> None:
        self._folder = state_dir / FOLDER
        self._inbox = inbox
        self._clock = clock
        self._taken: set[str] = set()
        self._unreadable: set[str] = set()

    async def run(self) -> None:
        """Take commands as they come, for ever."""
        while True:
            await self.take_all()
            await self._clock.sleep(LOOK_INTERVAL_S)

    async def take_all(self) -> None:
        """Take every command that is there now, oldest first."""
        for path in await asyncio.to_thread(self._list):
            raw = await asyncio.to_thread(self._read, path)
            if raw is None:
                continue
            self._taken.add(path.name)
            source = Source(Channel.LOCAL)
            item = decode_or_reject(raw, source, self._clock.utc_msc(), f"local-{path.stem}")
            await self._inbox.put(_as_input(item, source, self._clock.utc_msc()), self._forgetting(path))

    def _list(self) -> list[Path]:
        try:
            found = sorted(self._folder.glob("*.json"))
        except OSError as error:
            log.warning("Local commands cannot be read", folder=str(self._folder), error=str(error))
            return []
        return [path for path in found if path.name not in self._taken]

    def _read(self, path: Path) -> bytes | None:
        """Return a file's beginning, enough to see that it is too long; None when it cannot be read."""
        try:
            with path.open("rb") as file:
                return file.read(MESSAGE_BYTES_MAX + 1)
        except OSError as error:
            if path.name not in self._unreadable:
                log.error("Local command cannot be read, trying again", file=str(path), error=str(error))
                self._unreadable.add(path.name)
            return None

    def _forgetting(self, path: Path) -> Callable[[], None]:
        def forget() -> None:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                # It stays among the taken ones, so that it is not obeyed twice.
                mend = "delete it, or the next start obeys it again"
                log.error("Local command cannot be removed", file=str(path), error=str(error), mend=mend)
            else:
                self._taken.discard(path.name)

        return forget


def _as_input(item: Input | DataRequested, source: Source, now_msc: int) -> Input:
    if isinstance(item, DataRequested):
        return MalformedReceived(
            "not_here", "get_data is answered on the WebSocket", "get_data", source, now_msc
        )
    return item
