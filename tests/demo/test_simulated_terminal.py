"""The simulated terminal beside the bridge: started, found again, started again, stopped."""

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from hybrid_bridge.demo import simulated_terminal
from hybrid_bridge.demo.simulated_terminal import LEDGER, RECORD, SimulatedTerminal
from hybrid_bridge.errors import BridgeError
from hybrid_bridge.settings import Settings
from hybrid_bridge.settings.model import SimulatorSettings
from hybrid_bridge.simulator.options import parse_options

MakeTerminal = Callable[..., SimulatedTerminal]


def make_settings(folder: Path, **changes: Any) -> Settings:
    base = {"simulation_mode": True, "state_dir": str(folder), "symbols": ("EURUSD",)}
    return Settings(**{**base, **changes})


@pytest.fixture
async def make_terminal(tmp_path: Path) -> AsyncIterator[MakeTerminal]:
    """Give a maker of terminals in one STATE_DIR; all are stopped at the end."""
    made: list[SimulatedTerminal] = []

    def make(*, outlives_bridge: bool = True, **changes: Any) -> SimulatedTerminal:
        settings = make_settings(tmp_path, **changes)
        made.append(SimulatedTerminal(settings, outlives_bridge=outlives_bridge))
        return made[-1]

    yield make
    for terminal in made:
        await terminal.stop()


@contextlib.asynccontextmanager
async def watched(terminal: SimulatedTerminal) -> AsyncIterator[None]:
    watching = asyncio.ensure_future(terminal.watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def pid_of(folder: Path) -> int:
    return int(json.loads((folder / RECORD).read_text())["pid"])


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def ask(address: str, what: str) -> Any:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(json.dumps({"do": what}).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return answer


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def test_every_simulator_setting_reaches_the_program(tmp_path):
    """One that is added to the settings and forgotten here is seen."""
    base = make_settings(tmp_path)
    other = {
        "sim_ticks": ("a.csv", "b.csv"),
        "sim_speed": 2.5,
        "sim_seed": 9,
        "sim_balance": 500.0,
        "sim_account_mode": "netting",
        "sim_order_latency_ms": 120.0,
        "sim_faults": "reject:retcode=10006",
    }
    assert {f"sim_{field.name}" for field in dataclasses.fields(SimulatorSettings)} == set(other)
    other |= {"symbols": ("USDJPY",), "mt5_login": 77, "mt5_server": "Sim-2"}
    before = parse_options(simulated_terminal._options(base, tmp_path / LEDGER))
    for name, value in other.items():
        changed = base.model_copy(update={name: value})
        assert before != parse_options(simulated_terminal._options(changed, tmp_path / LEDGER)), name
    after = parse_options(simulated_terminal._options(base.model_copy(update=other), tmp_path / LEDGER))
    assert (2.5, 9, 500.0, "netting", "120.0", "reject:retcode=10006", ("USDJPY",), 77, "Sim-2") == (
        after.speed,
        after.seed,
        after.balance,
        after.account_mode,
        after.order_latency_ms,
        after.faults,
        after.symbols,
        after.login,
        after.server,
    )
    assert (Path("a.csv"), Path("b.csv")) == after.ticks
    assert tmp_path / LEDGER == after.ledger


async def test_it_runs_where_it_says_until_it_is_stopped(tmp_path, make_terminal):
    terminal = make_terminal()
    await terminal.start()
    pid = pid_of(tmp_path)
    assert is_alive(pid)
    assert (await ask(terminal.control, "stats"))["ok"]
    assert terminal.address != terminal.control
    await terminal.stop()
    assert not is_alive(pid)
    assert not (tmp_path / RECORD).exists()
    await terminal.stop()


async def test_one_that_does_not_start_says_where_its_reason_is(tmp_path, make_terminal):
    terminal = make_terminal(sim_faults="nonsense")
    with pytest.raises(BridgeError, match=r"the simulated terminal did not start: see .*simulator\.log"):
        await terminal.start()
    assert "unknown fault 'nonsense'" in (tmp_path / "simulator.log").read_text()
    assert not (tmp_path / RECORD).exists()


async def test_the_one_that_a_killed_bridge_left_is_found_and_stopped_in_the_end(tmp_path, make_terminal):
    before, after = make_terminal(), make_terminal()
    await before.start()
    pid = pid_of(tmp_path)
    with capture_logs() as logged:
        await after.start()
    assert ["Simulated terminal found running"] == [line["event"] for line in logged]
    assert (before.address, before.control, pid) == (after.address, after.control, pid_of(tmp_path))
    await after.stop()
    await until(lambda: not is_alive(pid))
    assert not (tmp_path / RECORD).exists()


async def test_one_that_is_found_keeps_its_settings_and_says_so(make_terminal):
    before, after = make_terminal(sim_balance=500.0), make_terminal(sim_balance=600.0)
    await before.start()
    with capture_logs() as logged:
        await after.start()
    assert before.address == after.address
    assert ["warning"] == [line["log_level"] for line in logged if "keeps the settings" in line["event"]]


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"simulator": 1, "control": null, "pid": 2}'])
async def test_a_record_that_is_no_good_is_no_terminal(tmp_path, make_terminal, record):
    (tmp_path / RECORD).write_text(record)
    terminal = make_terminal()
    await terminal.start()
    assert is_alive(pid_of(tmp_path))


@pytest.mark.parametrize(
    "says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[]\n", b'{"ok": false}\n', b"", None]
)
async def test_another_program_at_a_recorded_address_is_left_alone(
    tmp_path, make_terminal, monkeypatch, says
):
    """After the PC was started anew the recorded port and process id may be anybody's."""
    monkeypatch.setattr(simulated_terminal, "REACH_TIMEOUT_S", 0.3)
    bystander = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; sys.stdin.read()", stdin=asyncio.subprocess.PIPE
    )
    hung_up = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if says is not None:
            writer.write(says)
        else:
            await reader.read()
        hung_up.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        place = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
        record = {"simulator": place, "control": place, "pid": bystander.pid, "options": "[]"}
        (tmp_path / RECORD).write_text(json.dumps(record))
        terminal = make_terminal()
        await terminal.start()
        assert place != terminal.address
        await terminal.stop()
        await hung_up.wait()
    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


@pytest.mark.scenario
@pytest.mark.parametrize("is_found", [False, True])
async def test_one_that_dies_is_started_again_at_the_same_address(
    tmp_path, make_terminal, monkeypatch, is_found
):
    monkeypatch.setattr(simulated_terminal, "RESTART_FIRST_S", 0.05)
    terminal = first = make_terminal()
    await first.start()
    if is_found:
        terminal = make_terminal()
        await terminal.start()
    pid, address, control = pid_of(tmp_path), terminal.address, terminal.control
    with capture_logs() as logged:
        async with watched(terminal):
            psutil.Process(pid).kill()
            await until(lambda: (tmp_path / RECORD).exists() and pid_of(tmp_path) != pid)
            assert (address, control) == (terminal.address, terminal.control)
            assert (await ask(control, "stats"))["ok"]
            again = pid_of(tmp_path)
            psutil.Process(again).kill()
            await until(lambda: pid_of(tmp_path) != again)
    ended = [line for line in logged if line["event"] == "Simulated terminal ended, starting it again"]
    assert 2 == len(ended)
    code = 15 if sys.platform == "win32" else -9  # psutil gives SIGTERM as the code there
    assert f"exit code {code}" in ended[-1]["reason"]
    last = pid_of(tmp_path)
    await terminal.stop()
    assert not is_alive(last)


@pytest.mark.scenario
async def test_it_is_tried_again_while_its_port_is_taken(tmp_path, make_terminal, monkeypatch):
    monkeypatch.setattr(simulated_terminal, "RESTART_FIRST_S", 0.05)
    terminal = make_terminal()
    await terminal.start()
    pid, host_port = pid_of(tmp_path), terminal.address.rpartition(":")
    with capture_logs() as logged:
        async with watched(terminal):
            psutil.Process(pid).kill()
            await until(lambda: not is_alive(pid))
            async with await asyncio.start_server(lambda *_: None, host_port[0], int(host_port[2])):
                await until(lambda: any("not started" in line["event"] for line in logged))
            await until(lambda: pid_of(tmp_path) != pid)


@pytest.mark.scenario
async def test_a_found_one_that_hangs_is_killed_in_a_bounded_time(tmp_path, make_terminal, monkeypatch):
    monkeypatch.setattr(simulated_terminal, "STOP_TIMEOUT_S", 0.3)
    first, found = make_terminal(), make_terminal()
    await first.start()
    await found.start()
    pid = pid_of(tmp_path)
    psutil.Process(pid).suspend()
    async with asyncio.timeout(5):
        await found.stop()
    await until(lambda: not is_alive(pid))


@pytest.mark.scenario
@pytest.mark.parametrize("outlives", [True, False])
async def test_whether_it_outlives_a_killed_bridge_is_as_asked(tmp_path, outlives):
    code = (
        "import asyncio, sys\n"
        "from hybrid_bridge.demo.simulated_terminal import SimulatedTerminal\n"
        "from hybrid_bridge.settings import Settings\n"
        "async def main():\n"
        "    settings = Settings(simulation_mode=True, state_dir=sys.argv[1])\n"
        f"    await SimulatedTerminal(settings, outlives_bridge={outlives}).start()\n"
        "    print('up', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(simulated_terminal.__file__).parents[2]
    bridge = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert bridge.stdout is not None
    assert b"up" == (await bridge.stdout.readline()).rstrip()
    pid = pid_of(tmp_path)
    bridge.kill()
    await bridge.wait()
    try:
        if outlives:
            assert (await ask(json.loads((tmp_path / RECORD).read_text())["control"], "stats"))["ok"]
        else:
            await until(lambda: not is_alive(pid))
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


async def test_who_only_looks_finds_a_running_terminal_and_starts_none(make_terminal):
    looking = make_terminal()
    assert not await looking.find()
    assert "" == looking.address
    running = make_terminal()
    await running.start()
    assert await looking.find()
    assert running.address == looking.address
