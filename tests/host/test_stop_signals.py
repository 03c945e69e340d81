"""Signals that ask for the end reach the loop, every time, and nobody once it does not listen any more."""

import asyncio
import contextlib
import signal
import socket
import sys

import pytest

from hybrid_bridge.host import stop_signals

BREAK = [signal.SIGBREAK] if sys.platform == "win32" else [signal.SIGHUP]
STOPS = [signal.SIGINT, signal.SIGTERM, *BREAK]


async def test_each_asks_every_time() -> None:
    heard: asyncio.Queue[int] = asyncio.Queue()
    with stop_signals.passed_to(heard.put_nowait):
        for number in STOPS * 2:
            signal.raise_signal(number)
            async with asyncio.timeout(5):
                assert number == await heard.get()


async def test_afterwards_they_go_where_they_went_before() -> None:
    early: list[int] = []
    for number in STOPS:
        signal.signal(number, lambda seen, _: early.append(seen))
    late: list[int] = []
    with stop_signals.passed_to(late.append):
        pass
    for number in STOPS:
        signal.raise_signal(number)
    await asyncio.sleep(0)
    assert (STOPS, []) == (early, late)


@pytest.mark.not_on_windows("no signal says there that the terminal is gone")
async def test_a_lost_terminal_that_nohup_has_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard: list[int] = []
    with stop_signals.passed_to(heard.append):
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0)
    assert heard == []
    assert signal.SIG_IGN is signal.getsignal(signal.SIGHUP)


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere loops take signals themselves")
async def test_one_that_finds_the_loop_busy_waking_is_obeyed_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    asked = asyncio.Semaphore(0)
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                writer.send(bytes(1 << 16))
        before = signal.set_wakeup_fd(writer.fileno())
        try:
            with stop_signals.passed_to(lambda _: asked.release()):
                signal.raise_signal(signal.SIGINT)
                async with asyncio.timeout(5):
                    await asked.acquire()
        finally:
            signal.set_wakeup_fd(before)
    assert told == []
