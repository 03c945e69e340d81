"""A folder without settings, and a bridge that is only asked to run."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_bridge import app
from hybrid_bridge.journal import instance_lock
from hybrid_bridge.settings import Settings

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder without settings, and signal handlers that are put back."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(instance_lock, "shared_folder", lambda: tmp_path / "shared")
    before = [signal.getsignal(number) for number in SIGNALS]
    yield tmp_path
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def offline(folder: Path) -> Path:
    """Settings of a bridge that reaches nothing."""
    path = folder / ".env"
    path.write_text(
        "MT5_BACKEND=simulator\nMT5_LOGIN=7001\nSIM_ADDRESS=127.0.0.1:9\nBACKEND_WS_URL=ws://127.0.0.1:9/\n"
    )
    return path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, app.RunPlan]]:
    """What the bridge would be started with."""
    seen: list[tuple[Settings, app.RunPlan]] = []

    async def run(settings: Settings, plan: app.RunPlan, *_: object) -> int:
        seen.append((settings, plan))
        return 0

    monkeypatch.setattr(app, "run", run)
    return seen
