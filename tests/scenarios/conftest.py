"""The programs that scenarios need, each started once per test and ended after it."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.scenarios.harness import Backend, BridgeProcess, Broker, Simulator, running_backend

# Under Wine each program of a scenario takes seconds to start, many more on a busy PC.
WINDOWS_TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give scenarios the time that they need on Windows."""
    for item in items:
        if sys.platform == "win32" and item.get_closest_marker("scenario"):
            item.add_marker(pytest.mark.timeout(WINDOWS_TIMEOUT_S))


@pytest.fixture(autouse=True)
def a_pc_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep bridges of other tests, which run at the same time, out of the way: all trade the same account."""
    monkeypatch.setenv("PROGRAMDATA", str(tmp_path))


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    program = Simulator(tmp_path, "--symbols", "EURUSD,USDJPY,XAUUSD", "--seed", "7")
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    program = Broker(tmp_path)
    try:
        program.start()
        yield program
    finally:
        program.kill()


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with running_backend() as server:
        yield server


@pytest.fixture
def make_bridge(tmp_path: Path) -> Iterator[Callable[..., BridgeProcess]]:
    made: list[BridgeProcess] = []

    def make(launcher: str = "hybrid_bridge.py", **settings: object) -> BridgeProcess:
        made.append(BridgeProcess(tmp_path, launcher, **settings))
        return made[-1]

    yield make
    for bridge in made:
        bridge.end()
