"""Commands typed on this PC: they reach the bridge through its STATE_DIR, with every channel down.

`hybrid-bridge stop` leaves a file in the contract's own envelope; the bridge takes it within a moment, or
before anything else at its next start. Owns that folder, both ends of it. Local commands are the trader's
own: `resume_trading` is always permitted here.

A file's name tells when its command was typed and, whatever the PC's clock did in between, which came first.
An order that was left while no bridge ran, or the PC slept, is as old as that; no stop is ever too old. A
command is obeyed at least once, so that no stop is lost; one that gives something back (a resume, limits as
the settings have them) at most once, so that none which was obeyed before a crash undoes the stop or the
tightening that came after it.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from hybrid_bridge.core.inputs import LimitsRestoreRequested, MalformedReceived, ResumeRequested, Wanted
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX, DataRequested, decode_or_reject
from hybrid_bridge.ports import Clock, Inbox

log = structlog.get_logger(__name__)

FOLDER = "commands"
TAKEN = ".taken"  # In place of .json: one that gives back, taken by a bridge and not settled yet.
GIVES_BACK = ResumeRequested | LimitsRestoreRequested
LOOK_INTERVAL_S = 0.25
TAKEN_POLL_S = 0.05
NS_PER_MS = 1_000_000


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        latest_ns = max(map(_typed_ns, folder.glob("*.json")), default=0)
        name = f"{max(time.time_ns(), latest_ns + 1)}-{os.getpid()}"
        draft = folder / f"{name}.draft"
        draft.write_text(json.dumps({"type": kind, "data": body}), encoding="utf-8")
        return draft.rename(folder / f"{name}.json")
    except OSError as error:
        raise BridgeError(f"cannot leave the command in {folder}: {error}; check STATE_DIR") from error


def wait_taken(command: Path, timeout_s: float) -> bool:
    """Wait, blocking, until the bridge has acted on a command; False when it did not in time."""
    deadline = time.monotonic() + timeout_s
    while command.exists() or command.with_suffix(TAKEN).exists():
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
        self._complained: set[str] = set()
        self._begun = False

    async def run(self) -> None:
        """Take commands as they come, for ever."""
        while True:
            await self.take_all()
            await self._clock.sleep(LOOK_INTERVAL_S)

    async def take_all(self) -> None:
        """Take every command that is there now, oldest first."""
        if not self._begun:
            self._begun = True
            await asyncio.to_thread(self._drop_half_obeyed)
        for path in await asyncio.to_thread(self._list):
            raw = await asyncio.to_thread(self._read, path)
            if raw is not None:
                await self._take(path, raw)

    async def _take(self, path: Path, raw: bytes) -> None:
        source, now_msc, name = Source(Channel.LOCAL), self._clock.utc_msc(), f"local-{path.stem}"
        item = decode_or_reject(raw, source, now_msc, name)
        file = path
        if isinstance(item, DataRequested):
            detail = "get_data is answered on the WebSocket"
            item = MalformedReceived("not_here", detail, "get_data", source, now_msc, name)
        elif isinstance(item, GIVES_BACK):
            file = path.with_suffix(TAKEN)
            if not await asyncio.to_thread(self._rename, path, file):
                return
        if isinstance(item, GIVES_BACK | Wanted):
            typed_ns = _typed_ns(path) or now_msc * NS_PER_MS
            item = replace(item, received_msc=min(typed_ns // NS_PER_MS, now_msc))
        self._taken.add(path.name)
        await self._inbox.put(item, self._forgetting(path.name, file))

    def _drop_half_obeyed(self) -> None:
        """Void what gives back and what an earlier bridge took and may or may not have obeyed."""
        for path in self._folder.glob(f"*{TAKEN}"):
            mend = "type `hybrid-bridge resume` or `hybrid-bridge limits --restore` again if not obeyed"
            title = "A resume or restore was under way when the bridge ended; it is void"
            log.warning(title, file=str(path), mend=mend)
            self._remove(path)

    def _list(self) -> list[Path]:
        try:
            found = sorted(self._folder.glob("*.json"), key=lambda path: (_typed_ns(path), path.name))
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
            self._complain("Local command cannot be read, trying again", path, error)
            return None

    def _rename(self, path: Path, new: Path) -> bool:
        try:
            path.replace(new)
        except OSError as error:
            self._complain("Local command cannot be taken, trying again", path, error)
            return False
        return True

    def _complain(self, event: str, path: Path, error: OSError) -> None:
        """Log what is wrong with a file, once."""
        if path.name not in self._complained:
            self._complained.add(path.name)
            log.error(event, file=str(path), error=str(error))

    def _forgetting(self, name: str, file: Path) -> Callable[[], None]:
        def forget() -> None:
            # One that cannot be removed stays among the taken ones, so that it is not obeyed twice.
            if self._remove(file):
                self._taken.discard(name)

        return forget

    def _remove(self, path: Path) -> bool:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            mend = "delete it" if path.suffix == TAKEN else "delete it, or the next start obeys it again"
            log.error("Local command cannot be removed", file=str(path), error=str(error), mend=mend)
            return False
        return True


def _typed_ns(path: Path) -> int:
    """Return when a command was typed by its file's name, UTC nanoseconds; 0 when the name does not tell."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
