"""Commands typed on this PC: left as files, obeyed once, gone only when settled."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hybrid_bridge.clock import SystemClock
from hybrid_bridge.control import local_commands
from hybrid_bridge.control.local_commands import FOLDER, LocalCommands, leave_command, wait_taken
from hybrid_bridge.core.inputs import (
    CloseRequested,
    EmergencyStopRequested,
    LimitsRestoreRequested,
    MalformedReceived,
    ResumeRequested,
    TighteningRequested,
)
from hybrid_bridge.core.orders import Channel, Source
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.execution.inbox import Delivery, PriorityInbox
from hybrid_bridge.messages.inbound import MESSAGE_BYTES_MAX

CLOCK = SystemClock()


@pytest.fixture
def inbox() -> PriorityInbox:
    return PriorityInbox(CLOCK.monotonic)


@pytest.fixture
def commands(tmp_path: Path, inbox: PriorityInbox) -> LocalCommands:
    return LocalCommands(tmp_path, inbox, CLOCK)


def left(state_dir: Path) -> list[str]:
    return sorted(path.name for path in (state_dir / FOLDER).iterdir())


async def next_fact(inbox: PriorityInbox) -> Delivery:
    async with asyncio.timeout(5):
        return await inbox.next_fact()


@contextlib.asynccontextmanager
async def running(commands: LocalCommands) -> AsyncIterator[None]:
    task = asyncio.ensure_future(commands.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_left_while_no_bridge_ran_is_taken_oldest_first(tmp_path, inbox, commands):
    leave_command(tmp_path, "emergency_stop", {"reason": "fire", "close_positions": True})
    leave_command(tmp_path, "resume_trading", {"reason": "out"})
    await commands.take_all()
    stop, resume = (await next_fact(inbox)).item, (await next_fact(inbox)).item
    assert isinstance(stop, EmergencyStopRequested)
    assert ("fire", True, True, Channel.LOCAL) == (
        stop.reason,
        stop.close_positions,
        stop.cancel_orders,
        stop.source.channel,
    )
    assert isinstance(resume, ResumeRequested)
    assert ("out", Channel.LOCAL) == (resume.reason, resume.source.channel)


async def test_a_stop_typed_after_a_resume_is_also_obeyed_after_it(tmp_path, inbox, commands):
    leave_command(tmp_path, "resume_trading", {"reason": "first"})
    leave_command(tmp_path, "emergency_stop", {"reason": "second"})
    await commands.take_all()
    reasons = [(await next_fact(inbox)).item.reason for _ in range(2)]
    assert reasons == ["first", "second"]


async def test_the_order_of_typing_outlasts_a_clock_that_was_set_back(tmp_path, inbox, commands, monkeypatch):
    leave_command(tmp_path, "resume_trading", {"reason": "first"})
    monkeypatch.setattr(local_commands.time, "time_ns", lambda: 1_000_000_000_000_000_000)
    leave_command(tmp_path, "emergency_stop", {"reason": "second"})
    monkeypatch.undo()
    await commands.take_all()
    assert ["first", "second"] == [(await next_fact(inbox)).item.reason for _ in range(2)]


async def test_a_resume_was_given_when_it_was_typed_and_never_after_it_was_taken(tmp_path, inbox, commands):
    typed = leave_command(tmp_path, "resume_trading", {"reason": "typed"})
    minute_ago_ns = CLOCK.utc_msc() * 1_000_000 - 60_000_000_000
    typed.rename(typed.with_name(f"{minute_ago_ns}-1.json"))
    await commands.take_all()
    assert minute_ago_ns // 1_000_000 == (await next_fact(inbox)).item.received_msc

    ahead_ns = minute_ago_ns + 3_600_000_000_000
    for name in (f"{ahead_ns}-1.json", "by-hand.json"):
        leave_command(tmp_path, "resume_trading", {"reason": name}).rename(tmp_path / FOLDER / name)
        await commands.take_all()
        assert 0 <= CLOCK.utc_msc() - (await next_fact(inbox)).item.received_msc < 5_000


async def test_a_resume_that_a_bridge_took_before_it_died_is_void_for_the_next(tmp_path, inbox, commands):
    """It may have been obeyed, and a stop have come after it."""
    file = leave_command(tmp_path, "resume_trading", {"reason": "calm"})
    await commands.take_all()
    assert isinstance((await next_fact(inbox)).item, ResumeRequested)
    assert not wait_taken(file, 0.01), "it is not settled"

    after = LocalCommands(tmp_path, inbox, CLOCK)
    leave_command(tmp_path, "emergency_stop", {"reason": "fire"})
    with capture_logs() as logged:
        await after.take_all()
    assert "fire" == (await next_fact(inbox)).item.reason
    assert [("warning", True)] == [
        (line["log_level"], "hybrid-bridge resume" in line["mend"]) for line in logged
    ]
    assert wait_taken(file, 0.01)


async def test_a_resume_that_cannot_be_marked_as_taken_waits(tmp_path, inbox, commands):
    await commands.take_all()
    again = leave_command(tmp_path, "resume_trading", {"reason": "again"})
    obstacle = again.with_suffix(local_commands.TAKEN)
    obstacle.mkdir()
    with capture_logs() as logged:
        await commands.take_all()
        await commands.take_all()
    assert [str(again)] == [line["file"] for line in logged]
    obstacle.rmdir()
    await commands.take_all()
    assert "again" == (await next_fact(inbox)).item.reason


async def test_the_file_is_gone_once_the_command_is_settled_and_is_taken_once(tmp_path, inbox, commands):
    file = leave_command(tmp_path, "emergency_stop", {})
    await commands.take_all()
    await commands.take_all()
    delivery = await next_fact(inbox)
    assert file.exists()
    assert not inbox.stop_waits
    delivery.settled()
    assert left(tmp_path) == []


async def test_a_command_that_was_never_settled_is_taken_again_by_the_next_bridge(tmp_path, inbox, commands):
    leave_command(tmp_path, "emergency_stop", {"reason": "fire"})
    await commands.take_all()
    await next_fact(inbox)
    await LocalCommands(tmp_path, inbox, CLOCK).take_all()
    assert (await next_fact(inbox)).item.reason == "fire"


async def test_a_running_bridge_takes_a_command_and_the_one_who_typed_it_learns_so(tmp_path, inbox, commands):
    async with running(commands):
        file = leave_command(tmp_path, "resume_trading", {"reason": "ok"})
        waiting = asyncio.ensure_future(asyncio.to_thread(wait_taken, file, 5.0))
        (await next_fact(inbox)).settled()
        assert await waiting


def test_waiting_for_a_bridge_that_is_not_there_ends(tmp_path):
    file = leave_command(tmp_path, "resume_trading", {"reason": "ok"})
    assert not wait_taken(file, 0.01)
    threading.Timer(0.05, file.unlink).start()
    assert wait_taken(file, 5.0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{oops", "not_json"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"type": "selfdestruct"}', "unknown_type"),
        (b'{"type": "resume_trading", "data": {"reason": ""}}', "invalid_field"),
        (b'{"type": "get_data", "data": {"request": "status"}}', "not_here"),
        (b" " * (MESSAGE_BYTES_MAX + 7), "too_long"),
    ],
)
async def test_a_file_that_is_no_command_is_answered_and_removed(tmp_path, inbox, commands, content, reason):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "1-1.json").write_bytes(content)
    leave_command(tmp_path, "resume_trading", {"reason": "behind it"})
    await commands.take_all()
    refused = await next_fact(inbox)
    assert isinstance(refused.item, MalformedReceived)
    assert (reason, Channel.LOCAL, "local-1-1") == (
        refused.item.reason,
        refused.item.source.channel,
        refused.item.message_id,
    )
    refused.settled()
    assert (await next_fact(inbox)).item.reason == "behind it"
    assert "1-1.json" not in left(tmp_path)


async def test_a_position_can_be_closed_from_here_with_an_id_of_its_file(tmp_path, inbox, commands):
    file = leave_command(tmp_path, "close_position", {"ticket": 500})
    await commands.take_all()
    close = (await inbox.next_order()).item
    assert isinstance(close, CloseRequested)
    assert (500, f"local-{file.stem}") == (close.ticket, close.command_id)


async def test_a_draft_that_is_still_being_written_is_left_alone(tmp_path, inbox, commands):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "1-1.draft").write_text('{"type": "emerg')
    await commands.take_all()
    leave_command(tmp_path, "resume_trading", {"reason": "whole"})
    await commands.take_all()
    assert (await next_fact(inbox)).item.reason == "whole"
    assert "1-1.draft" in left(tmp_path)


async def test_a_restore_of_limits_is_obeyed_at_most_once_and_was_given_when_it_was_typed(
    tmp_path, inbox, commands
):
    file = leave_command(tmp_path, "restore_limits", {"reason": "calm"})
    minute_ago_ns = CLOCK.utc_msc() * 1_000_000 - 60_000_000_000
    file = file.rename(file.with_name(f"{minute_ago_ns}-1.json"))
    await commands.take_all()
    item = (await next_fact(inbox)).item
    assert LimitsRestoreRequested("calm", Source(Channel.LOCAL), minute_ago_ns // 1_000_000) == item
    assert not wait_taken(file, 0.01), "it is not settled"
    await LocalCommands(tmp_path, inbox, CLOCK).take_all()
    assert [] == left(tmp_path)


async def test_a_tightening_is_obeyed_at_least_once(tmp_path, inbox, commands):
    leave_command(tmp_path, "tighten_limits", {"limits": {"MAX_VOLUME": 1}, "reason": "news"})
    for life in (commands, LocalCommands(tmp_path, inbox, CLOCK)):
        await life.take_all()
        delivery = await next_fact(inbox)
        assert isinstance(delivery.item, TighteningRequested)
        assert ((("max_volume", 1.0),), Channel.LOCAL) == (delivery.item.limits, delivery.item.source.channel)
    delivery.settled()
    assert [] == left(tmp_path)


async def test_no_folder_is_no_command(commands):
    await commands.take_all()


async def test_what_cannot_be_read_is_said_once_and_holds_nothing_up(tmp_path, inbox, commands):
    unreadable = tmp_path / FOLDER / "0-0.json"
    unreadable.mkdir(parents=True)
    leave_command(tmp_path, "resume_trading", {"reason": "behind it"})
    with capture_logs() as logged:
        await commands.take_all()
        await commands.take_all()
    assert (await next_fact(inbox)).item.reason == "behind it"
    assert [str(unreadable)] == [line["file"] for line in logged]
    unreadable.rmdir()
    unreadable.write_text(json.dumps({"type": "resume_trading", "data": {"reason": "mended"}}))
    await commands.take_all()
    assert (await next_fact(inbox)).item.reason == "mended"


async def test_a_file_that_cannot_be_removed_is_said_so_and_not_obeyed_twice(tmp_path, inbox, commands):
    file = leave_command(tmp_path, "emergency_stop", {"reason": "once"})
    await commands.take_all()
    delivery = await next_fact(inbox)
    file.unlink()
    file.mkdir()  # Not to be unlinked, whoever asks: what an open file is on Windows.
    with capture_logs() as logged:
        delivery.settled()
        await commands.take_all()
    (said,) = logged
    assert ("error", str(file)) == (said["log_level"], said["file"])
    assert "the next start obeys it again" in said["mend"]


def test_a_state_dir_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(BridgeError, match=r"cannot leave the command in .*state.*check STATE_DIR"):
        leave_command(tmp_path / "state", "emergency_stop", {})


async def test_an_order_that_was_left_long_ago_is_as_old_as_its_file(tmp_path, inbox, commands):
    now_msc = CLOCK.utc_msc()
    signal = leave_command(tmp_path, "trading_signal", {"id": "a", "symbol": "EURUSD", "action": "BUY"})
    close = leave_command(tmp_path, "close_position", {"id": "b", "ticket": 7})
    for path, hours_ago in ((signal, 2), (close, 1)):
        path.rename(path.with_name(f"{(now_msc - hours_ago * 3_600_000) * 1_000_000}-1.json"))
    await commands.take_all()
    async with asyncio.timeout(5):
        ages = [now_msc - (await inbox.next_order()).item.received_msc for _ in range(2)]
    assert [7_200_000, 3_600_000] == ages
