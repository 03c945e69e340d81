"""A scripted terminal for worker processes, and the same module loaded here for what needs no process."""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.terminal.support import HERE, MODULE, Script, terminal_settings

from hybrid_bridge.terminal.backoff import Backoff
from hybrid_bridge.terminal.lane import Lane, LaneOptions
from hybrid_bridge.terminal.package import Package
from hybrid_bridge.terminal.session import Session


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "script.json")


@pytest.fixture
def module(script: Script, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripted terminal in this process, initialized."""
    monkeypatch.setenv("SCRIPTED_TERMINAL", str(script.path))
    spec = importlib.util.spec_from_file_location(MODULE, HERE / f"{MODULE}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    loaded.initialize()
    return loaded


@pytest.fixture
def package(module: Any) -> Package:
    return Package(module)


@pytest.fixture
def session(package: Package) -> Session:
    made = Session(MODULE, lambda level, event, **fields: None)
    made._package = package
    return made


LaneFactory = Callable[..., Lane]


@pytest.fixture
async def start_lane(script: Script) -> AsyncIterator[LaneFactory]:
    """Make lanes onto the scripted terminal and keep them running until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        def start(
            name: str = "market",
            *,
            module: str = MODULE,
            standstills: Callable[[], int] = lambda: 0,
            **settings: Any,
        ) -> Lane:
            options = LaneOptions(name, module, terminal_settings(**settings), script.environment)
            lane = Lane(options, backoff=Backoff(0.02, 0.1), standstills=standstills)
            task = asyncio.create_task(lane.run())

            async def stop() -> None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

            stack.push_async_callback(stop)
            return lane

        yield start
