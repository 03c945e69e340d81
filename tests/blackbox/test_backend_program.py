"""The backend of a siege: a process that may be killed and forgets neither what it heard nor what it owes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from scripts.siege import backend_program
from scripts.siege.backend_program import Notebook, read_lines
from scripts.siege.programs import BackendProgram

pytestmark = pytest.mark.not_on_windows("a siege kills groups of processes by POSIX's signals")

PATIENCE_S = 10.0


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[BackendProgram]:
    program = BackendProgram(tmp_path)
    await program.start()
    yield program
    await program.kill()


def order(folder: Path, number: int, signal_id: str) -> None:
    command = {"number": number, "id": signal_id, "again": bool(signal_id), "body": f"message {number}"}
    with (folder / "commands.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(command) + "\n")


def result(signal_id: str) -> str:
    return json.dumps({"type": "trade_result", "data": {"signal_id": signal_id, "status": "filled"}})


async def take(connection: websockets.ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return await connection.recv()


def url(backend: BackendProgram) -> str:
    return f"ws://127.0.0.1:{backend.port}/"


async def test_what_is_unanswered_is_sent_again_after_a_kill_and_what_has_no_id_is_not(
    backend: BackendProgram, tmp_path: Path
) -> None:
    order(tmp_path, 1, "answered")
    order(tmp_path, 2, "")
    order(tmp_path, 3, "unanswered")
    async with websockets.connect(url(backend)) as bridge:
        assert ["message 1", "message 2", "message 3"] == [await take(bridge) for _ in range(3)]
        await bridge.send(result("answered"))
        await bridge.send(json.dumps({"type": "account_info", "data": {}}))
        pong = await bridge.ping()
        await pong
    await backend.kill()
    await backend.start()
    async with websockets.connect(url(backend)) as bridge:
        assert "message 3" == await take(bridge)
        order(tmp_path, 4, "")
        assert "message 4" == await take(bridge)
    heard = [note["message"]["data"].get("signal_id") for note in read_lines(tmp_path / "heard.jsonl")]
    assert ["answered"] == heard


async def test_an_unanswered_command_is_sent_again_on_the_same_connection(
    backend: BackendProgram, tmp_path: Path
) -> None:
    order(tmp_path, 1, "s1")
    async with websockets.connect(url(backend)) as bridge:
        assert "message 1" == await take(bridge)
        async with asyncio.timeout(backend_program.AGAIN_S * 2):
            assert "message 1" == await bridge.recv()


def test_a_line_that_a_kill_cut_short_is_left_out_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"a": 1}\n{"b": ', encoding="utf-8")
    notebook = Notebook(path)
    notebook.write({"c": 3})
    notebook.close()
    assert [{"a": 1}, {"c": 3}] == read_lines(path)
    assert [{"a": 1}] == notebook.before
