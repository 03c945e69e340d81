"""One simulated terminal for many looks; every fault is lifted after the test that made it."""

from collections.abc import Iterator

import pytest
from tests.simulator.process import Simulator

from hybrid_bridge.simulator.control_client import SimulatorControl


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    simulator = Simulator("--control", "127.0.0.1:0", "--password", "secret")
    yield simulator
    simulator.end()


@pytest.fixture
def address(shared_simulator: Simulator) -> str:
    """Where a healthy simulated terminal listens."""
    return shared_simulator.ready["simulator"]


@pytest.fixture
def control(shared_simulator: Simulator) -> Iterator[SimulatorControl]:
    """Makes faults at that terminal."""
    with SimulatorControl(shared_simulator.ready["control"]) as control:
        yield control
        control.clear()


@pytest.fixture
def started() -> Iterator:
    """Give a function that starts a terminal with options of its own, and gives its address."""
    running: list[Simulator] = []

    def start(*options: str) -> str:
        running.append(Simulator(*options))
        return running[-1].ready["simulator"]

    yield start
    for simulator in running:
        simulator.end()
