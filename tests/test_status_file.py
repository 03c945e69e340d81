"""STATE_DIR/bridge_status.json: written by a bridge while it runs, read by whoever looks."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hybrid_bridge.errors import BridgeError
from hybrid_bridge.status_file import FAILURES_TO_COMPLAIN, FILE, StatusFile, read_status

SEEN: dict[str, object] = {"status": {}, "account_seen": None}


class Beats:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()
        self.slept_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.asleep.set()
        await self.wake.wait()
        self.wake.clear()

    async def next(self) -> None:
        """Let one beat pass, up to the next sleep."""
        self.asleep.clear()
        self.wake.set()
        async with asyncio.timeout(10):
            await self.asleep.wait()


async def kept(file: StatusFile, read: Callable[[], dict[str, object]]) -> tuple[asyncio.Task[None], Beats]:
    beats = Beats()
    task = asyncio.create_task(file.keep(read, beats.sleep))
    async with asyncio.timeout(10):
        await beats.asleep.wait()
    return task, beats


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_written_at_once_and_anew_at_every_beat(tmp_path):
    numbers = iter(range(10))
    file = StatusFile(tmp_path, {"version": "1.2.3"})
    task, beats = await kept(file, lambda: {"status": {"n": next(numbers)}, "account_seen": None})
    first = read_status(tmp_path)
    await beats.next()
    second = read_status(tmp_path)
    await end(task)
    assert first is not None
    assert second is not None
    assert ({"n": 0}, {"n": 1}) == (first["status"], second["status"])
    assert (os.getpid(), "1.2.3", None) == (first["pid"], first["version"], first["ended"])
    assert first["started_msc"] == second["started_msc"] <= first["written_msc"] <= second["written_msc"]
    assert [FILE] == [path.name for path in tmp_path.iterdir()]
    assert [2.0, 2.0] == beats.slept_s


async def test_the_loop_goes_on_while_the_disk_is_slow(tmp_path, monkeypatch):
    writing, released = threading.Event(), threading.Event()
    loop_thread, writers = threading.get_ident(), []
    replace = Path.replace

    def slow(path: Path, target: Path) -> Path:
        writers.append(threading.get_ident())
        writing.set()
        assert released.wait(10)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slow)
    task = asyncio.create_task(StatusFile(tmp_path, {}).keep(dict, Beats().sleep))
    assert await asyncio.to_thread(writing.wait, 10)
    released.set()
    await end(task)
    assert loop_thread not in writers


async def test_what_was_being_written_does_not_come_behind_the_end(tmp_path, monkeypatch):
    file, inside, released = StatusFile(tmp_path, {}), threading.Event(), threading.Event()
    replace = Path.replace

    def slow(path: Path, target: Path) -> Path:
        if not inside.is_set():
            inside.set()
            assert released.wait(10)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slow)
    task = asyncio.create_task(file.keep(lambda: {**SEEN, "status": "running"}, Beats().sleep))
    assert await asyncio.to_thread(inside.wait, 10)
    await end(task)
    ending = asyncio.create_task(
        asyncio.to_thread(file.end, {**SEEN, "status": "over"}, "failed", "no terminal")
    )
    released.set()
    await ending
    late, _ = await kept(file, lambda: {**SEEN, "status": "running"})
    await end(late)
    last = read_status(tmp_path)
    assert last is not None
    assert ("over", {"how": "failed", "reason": "no terminal"}) == (last["status"], last["ended"])


async def test_a_disk_that_refuses_stops_nothing_and_is_told_once(tmp_path):
    (tmp_path / FILE).mkdir()
    with capture_logs() as lines:
        task, beats = await kept(StatusFile(tmp_path, {}), SEEN.copy)
        for _ in range(FAILURES_TO_COMPLAIN - 2):
            await beats.next()
        assert [] == lines
        for _ in range(FAILURES_TO_COMPLAIN):
            await beats.next()
        assert not task.done()
        await end(task)
    assert ["The status file cannot be written"] == [line["event"] for line in lines]


async def test_a_file_that_a_reader_had_open_is_no_trouble(tmp_path, monkeypatch):
    refusals = iter([PermissionError(13, "in use")])
    replace = Path.replace

    def refused_once(path: Path, target: Path) -> Path:
        for error in refusals:
            raise error
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refused_once)
    with capture_logs() as lines:
        task, beats = await kept(StatusFile(tmp_path, {}), SEEN.copy)
        assert read_status(tmp_path) is None
        await beats.next()
        await end(task)
    assert [] == lines
    assert read_status(tmp_path) is not None


def test_none_where_no_bridge_ever_ran(tmp_path):
    assert read_status(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[1]", b"{}", b'{"format": 2}', b'{"format": 1}']
)
def test_what_is_no_status_is_named(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BridgeError, match=r"bridge_status\.json"):
        read_status(tmp_path)


def test_what_json_does_not_know_is_written_all_the_same(tmp_path):
    StatusFile(tmp_path, {}).end({"path": tmp_path}, "stopped")
    assert str(tmp_path) == json.loads((tmp_path / FILE).read_bytes())["path"]
