"""The backend of the siege, a process of its own: a WebSocket server that survives being killed.

    python -m scripts.siege.backend_program --folder DIR --port N

Owns what it heard (heard.jsonl) and what it said (said.jsonl) in its folder; both are in the hands of the
operating system line by line, so that a kill takes nothing back. What it is to send it reads from
commands.jsonl, which the siege appends to. A command with an id is sent again until it was answered, as a
careful backend does; one without is sent once. On every other connection it waits a while for the bridge to
say that it is open for orders; on those between it does not care.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import websockets

LOOK_S = 0.02
AGAIN_S = 5.0
OPENING_S = 5.0
UNHEARD_KINDS = {"account_info", "tick_data"}


class Notebook:
    """A file of JSON lines that is appended to and, at the start, read."""

    def __init__(self, path: Path) -> None:
        self.before = read_lines(path)
        # A line that a kill cut short ends here, so that the next one stands alone.
        self._file = path.open("a", encoding="utf-8")
        if path.stat().st_size:
            self._file.write("\n")

    def write(self, line: dict[str, Any]) -> None:
        """Append one line."""
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; what a kill cut short is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


class Backend:
    """Sends what it is given, again until answered, and keeps what comes."""

    def __init__(self, folder: Path) -> None:
        self._commands = (folder / "commands.jsonl").open("a+", encoding="utf-8")
        self._commands.seek(0)
        self._unread = ""
        self._heard = Notebook(folder / "heard.jsonl")
        self._said = Notebook(folder / "said.jsonl")
        self._answered = {answer_id(line["message"]) for line in self._heard.before} - {""}
        self._once_said = {line["number"] for line in self._said.before}
        self._open: dict[int, dict[str, Any]] = {}
        self._sent_at: dict[int, float] = {}
        self._connection: websockets.ServerConnection | None = None
        self._connections = 0
        self._wait_until = 0.0

    async def serve(self, connection: websockets.ServerConnection) -> None:
        """Hear one bridge until it goes."""
        self._connection = connection
        self._sent_at.clear()
        self._connections += 1
        self._wait_until = time.monotonic() + (OPENING_S if self._connections % 2 == 0 else 0.0)
        with contextlib.suppress(websockets.ConnectionClosed):
            async for raw in connection:
                self._hear(json.loads(raw))
        if self._connection is connection:
            self._connection = None

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] in UNHEARD_KINDS:
            return
        if message["type"] == "bridge_status" and not message["data"]["reason"]:
            self._wait_until = 0.0
        self._heard.write({"at": time.time(), "message": message})
        if answered := answer_id(message):
            self._answered.add(answered)

    async def send_for_ever(self) -> None:
        """Send what is due."""
        while True:
            self._read_commands()
            connection = self._connection
            if connection is not None and time.monotonic() >= self._wait_until:
                with contextlib.suppress(websockets.ConnectionClosed):
                    await self._send_due(connection)
            await asyncio.sleep(LOOK_S)

    def _read_commands(self) -> None:
        self._unread += self._commands.read()
        *lines, self._unread = self._unread.split("\n")
        for line in filter(None, lines):
            command = json.loads(line)
            if command["again"] or command["number"] not in self._once_said:
                self._open[command["number"]] = command

    async def _send_due(self, connection: websockets.ServerConnection) -> None:
        now = time.monotonic()
        for number, command in list(self._open.items()):
            if command["again"] and command["id"] in self._answered:
                del self._open[number]
                continue
            if now - self._sent_at.get(number, -AGAIN_S) < AGAIN_S:
                continue
            self._sent_at[number] = now
            self._said.write({"at": time.time(), "number": number, "id": command["id"]})
            if not command["again"]:
                del self._open[number]
            await connection.send(command["body"])


def answer_id(message: dict[str, Any]) -> str:
    """Return the id that a message answers, "" when it answers none."""
    return str(message["data"]["signal_id"]) if message["type"] == "trade_result" else ""


async def run(folder: Path, port: int) -> None:
    """Serve until standard input ends."""
    backend = Backend(folder)
    parent_gone = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    async with websockets.serve(backend.serve, "127.0.0.1", port, ping_interval=None):
        print(json.dumps({"backend": f"127.0.0.1:{port}"}), flush=True)
        sending = asyncio.create_task(backend.send_for_ever())
        await asyncio.wait([parent_gone, sending], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        os._exit(0)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where it keeps what it heard and said")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    options = parser.parse_args()
    asyncio.run(run(options.folder, options.port))


if __name__ == "__main__":
    main()
