"""`hybrid-bridge check` of terminal and backend: what is looked at, and how it is spoken of."""

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
from tests.simulator.process import Simulator

from hybrid_bridge import cli
from hybrid_bridge.demo.simulated_terminal import SimulatedTerminal
from hybrid_bridge.journal.instance_lock import InstanceLock
from hybrid_bridge.settings import Settings

PARTS = ["terminal", "redpanda", "backend"]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    simulator = Simulator("--symbols", "EURUSD")
    yield simulator
    simulator.end()


@pytest.fixture
def refused() -> str:
    """An address that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def settings_file(folder, **settings: str) -> None:
    lines = {"SYMBOLS": "EURUSD", **settings}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def test_a_simulated_terminal_is_looked_at_and_said_to_be_one(folder, simulator, capsys):
    settings_file(folder, MT5_BACKEND="simulator", SIM_ADDRESS=simulator.ready["simulator"])
    assert 0 == cli.main(["check", "terminal"])
    told = capsys.readouterr().out.splitlines()
    assert "Terminal: the simulated one (MT5_BACKEND=simulator), no real one and no real money" == told[0]
    assert "The terminal can be used from this PC." == told[-1]
    assert any(line.startswith("  ok        order_check") for line in told)


def test_a_simulated_terminal_that_the_bridge_will_start_is_nothing_to_look_at(folder, capsys):
    settings_file(folder, SIMULATION_MODE="true")
    assert 0 == cli.main(["check", "terminal"])
    told = capsys.readouterr().out
    assert "Terminal: the simulated one (SIMULATION_MODE=true)" in told
    assert "it does not run: the bridge starts it with itself (SIM_ADDRESS is empty)" in told
    assert told.endswith("The terminal was not looked at.\n")


def test_the_simulated_terminal_of_a_bridge_that_runs_is_found(folder, capsys):
    settings_file(folder, SIMULATION_MODE="true")
    (folder / "state").mkdir()

    async def beside_a_bridge() -> int:
        terminal = SimulatedTerminal(Settings(simulation_mode=True, symbols="EURUSD"))
        await terminal.start()
        try:
            return await asyncio.to_thread(cli.main, ["check", "terminal"])
        finally:
            await terminal.stop()

    assert 0 == asyncio.run(beside_a_bridge())
    assert "The terminal can be used from this PC." in capsys.readouterr().out


def test_what_a_bridge_that_runs_is_connected_to_is_left_to_it(folder, capsys):
    lock = InstanceLock(folder / "state")
    with socket.create_server(("127.0.0.1", 0)) as backend:
        address = f"127.0.0.1:{backend.getsockname()[1]}"
        settings_file(folder, BACKEND_WS_URL=f"ws://{address}/ws?token=very-secret")
        assert 0 == cli.main(["check", "backend"])
    lock.release()
    told = capsys.readouterr().out
    assert f"Backend at ws://{address}/ws\n" in told
    assert "a bridge runs (process" in told
    assert "very-secret" not in told


def test_all_three_by_default_one_after_the_other(folder, refused, capsys):
    settings_file(
        folder,
        SIMULATION_MODE="true",
        REDPANDA_BOOTSTRAP_SERVERS=refused,
        BACKEND_WS_URL=f"ws://{refused}/",
    )
    assert 1 == cli.main(["check", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert PARTS == [part["part"] for part in told["parts"]]
    assert [True, False, False] == [part["ok"] for part in told["parts"]]
    assert told["ok"] is False
    assert "tcp_refused" == told["parts"][2]["steps"][-1]["fault"]
    assert 1 == cli.main(["check"])
    heads = [line for line in capsys.readouterr().out.splitlines() if line[:1] not in ("", " ")]
    assert [
        "Terminal: the simulated one (SIMULATION_MODE=true), no real one and no real money",
        "The terminal was not looked at.",
        f"Redpanda at {refused}, PLAINTEXT",
        f"Redpanda cannot be used as it is set up. Mend 'TCP {refused}'; then check again.",
        f"Backend at ws://{refused}/",
        f"The backend cannot be used as it is set up. Mend 'TCP {refused}'; then check again.",
    ] == heads


def test_parts_can_be_chosen_and_stand_in_their_order(folder, refused, capsys):
    settings_file(folder, SIMULATION_MODE="true", BACKEND_WS_URL=f"ws://{refused}/")
    cli.main(["check", "backend", "terminal", "--json"])
    assert ["terminal", "backend"] == [part["part"] for part in json.loads(capsys.readouterr().out)["parts"]]


def test_a_part_that_there_is_not_is_2(folder, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", "kafka"])
    assert 2 == ended.value.code
    assert "must be one of terminal, redpanda, backend, got 'kafka'" in capsys.readouterr().err


def test_what_another_part_needs_is_not_asked_for(folder, refused, capsys):
    settings_file(
        folder,
        SIMULATION_MODE="true",
        REDPANDA_SECURITY_PROTOCOL="SASL_SSL",
        BACKEND_WS_URL=f"ws://{refused}/",
    )
    assert 1 == cli.main(["check", "terminal", "backend"])
    assert 2 == cli.main(["check"])
