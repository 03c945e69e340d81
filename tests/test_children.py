"""Programs beside the bridge: started, listened to, stopped; none is left behind."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from hybrid_bridge import children
from hybrid_bridge.children import LINE_BYTES_MAX, Child
from hybrid_bridge.errors import BridgeError

READY = "import json, os, sys, time; print(json.dumps({'port': 7}), flush=True)\n"
UNTIL_EOF = "sys.stdin.read()\n"

MakeChild = Callable[..., Child]


@pytest.fixture
async def make_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeChild]:
    """Give a maker of children that run a piece of code; all are stopped at the end."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made: list[Child] = []

    def make(code: str, *arguments: str, log_path: Path | None = None) -> Child:
        (tmp_path / f"program{len(made)}.py").write_text(code, encoding="utf-8")
        made.append(Child("program", f"program{len(made)}", arguments, log_path=log_path))
        return made[-1]

    yield make
    for child in made:
        await child.stop()


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.005)


async def test_the_line_it_prints_is_what_it_says_of_itself(make_child):
    child = make_child(READY.replace("7", "int(sys.argv[1])") + UNTIL_EOF, "42")
    assert child.pid == 0
    assert await child.start() == {"port": 42}
    assert child.ready == {"port": 42}
    assert is_alive(child.pid)


async def test_it_finds_this_very_package(make_child):
    child = make_child("import hybrid_bridge\n" + READY.replace("7", "hybrid_bridge.__file__") + UNTIL_EOF)
    ready = await child.start()
    assert Path(children.__file__).parent / "__init__.py" == Path(str(ready["port"]))


async def test_what_it_writes_to_stderr_is_logged_until_it_is_stopped(make_child, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")  # As Windows has it, unless told otherwise.
    child = make_child(READY + "print('hällo Привет', file=sys.stderr, flush=True)\n" + UNTIL_EOF)
    await child.start()
    with capture_logs() as logged:
        watching = asyncio.ensure_future(child.watch())
        await until(lambda: logged)
        await child.stop()
        await watching
    assert [("hällo Привет", "program")] == [(line["event"], line["program"]) for line in logged]
    assert not is_alive(child.pid)


async def test_a_line_of_any_length_does_not_end_the_watch(make_child):
    code = (
        f"print('x' * {3 * LINE_BYTES_MAX}, file=sys.stderr)\nprint('after', file=sys.stderr, flush=True)\n"
    )
    child = make_child(READY + code + UNTIL_EOF)
    await child.start()
    with capture_logs() as logged:
        watching = asyncio.ensure_future(child.watch())
        await until(lambda: logged and logged[-1]["event"] == "after")
        await child.stop()
        await watching
    assert any("left out" in line["event"] for line in logged)


async def test_ending_by_itself_is_an_error_with_its_exit_code(make_child):
    child = make_child(READY + "sys.exit(3)\n")
    await child.start()
    with pytest.raises(BridgeError, match="the program ended by itself with exit code 3"):
        await child.watch()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('no port is free')\n", "no port is free"),
        ("import sys; sys.exit(0)\n", "Expecting value"),
        ("print('hello')\n", "Expecting value"),
        ("print('[1]')\n", r"it said b'\[1\]'; expected a JSON object"),
        (f"print('1' * {2 * LINE_BYTES_MAX})\n", "limit"),
    ],
)
async def test_not_starting_is_told_with_its_own_words(make_child, code, said):
    child = make_child(code)
    with pytest.raises(BridgeError, match=f"the program did not start: .*{said}"):
        await child.start()
    assert not is_alive(child.pid)


async def test_silence_ends_in_a_bounded_time(make_child, monkeypatch):
    monkeypatch.setattr(children, "READY_TIMEOUT_S", 0.3)
    child = make_child("import sys\nprint('still thinking', file=sys.stderr, flush=True)\nsys.stdin.read()\n")
    with pytest.raises(BridgeError, match=r"did not start: (still thinking|no word from it)"):
        await child.start()
    assert not is_alive(child.pid)


async def test_of_a_program_that_says_nothing_at_all_that_is_said(make_child, monkeypatch):
    monkeypatch.setattr(children, "READY_TIMEOUT_S", 0.3)
    with pytest.raises(BridgeError, match=r"did not start: no word from it in 0\.3 s$"):
        await make_child("import sys\nsys.stdin.read()\n").start()


async def test_a_grandchild_that_holds_stderr_open_does_not_hold_up_the_explanation(make_child):
    orphan = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'], stdout=-3)"
    code = f"import subprocess, sys\no = {orphan}\nraise SystemExit(f'grandchild {{o.pid}}')\n"
    child = make_child(code)
    started = time.monotonic()
    with pytest.raises(BridgeError, match="did not start: grandchild") as refused:
        await child.start()
    took_s = time.monotonic() - started
    psutil.Process(int(str(refused.value).rpartition(" ")[2])).kill()
    stderr = child._process.stderr
    await until(stderr.at_eof)
    assert took_s < 50


async def test_a_start_that_is_cancelled_leaves_no_process_behind(make_child):
    child = make_child("import sys; sys.stdin.read()\n")
    starting = asyncio.ensure_future(child.start())
    await until(lambda: child.pid)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not is_alive(child.pid)


@pytest.mark.not_on_windows("there, terminate cannot be ignored")
async def test_one_that_ignores_the_request_is_killed(make_child, monkeypatch):
    monkeypatch.setattr(children, "STOP_TIMEOUT_S", 0.2)
    child = make_child("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + UNTIL_EOF)
    await child.start()
    await child.stop()
    assert not is_alive(child.pid)


async def test_stopping_twice_or_before_the_start_is_harmless(make_child):
    child = make_child(READY + UNTIL_EOF)
    await child.stop()
    await child.start()
    await child.stop()
    await child.stop()


async def test_its_stderr_goes_to_a_file_where_one_is_given(make_child, tmp_path):
    path = tmp_path / "program.log"
    child = make_child(READY + "print('noted', file=sys.stderr, flush=True)\n" + UNTIL_EOF, log_path=path)
    await child.start()
    await until(lambda: path.read_text() == "noted\n")
    failing = make_child("raise SystemExit('no')\n", log_path=path)
    with pytest.raises(BridgeError, match=rf"did not start: see .*{path.name}"):
        await failing.start()
    assert path.read_text() == "noted\nno\n"


async def test_watching_what_was_not_started_is_refused(make_child):
    with pytest.raises(BridgeError, match="the program was not started"):
        await make_child(READY).watch()


async def test_it_sees_its_stdin_end_when_the_bridge_dies(make_child, tmp_path):
    """Killed bridges leave no program behind that watches its stdin."""
    code = READY.replace("7", "os.getpid()") + UNTIL_EOF
    (tmp_path / "inner.py").write_text(code)
    outer = (
        "import asyncio, json, sys\nfrom hybrid_bridge.children import Child\n"
        "async def main():\n"
        "    child = Child('inner', 'inner', [])\n"
        "    print(json.dumps(await child.start()), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    bridge = make_child(outer)
    inner_pid = int(str((await bridge.start())["port"]))
    assert is_alive(inner_pid)
    os.kill(bridge.pid, 9)
    await until(lambda: not is_alive(inner_pid))
