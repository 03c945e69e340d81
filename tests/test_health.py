"""What HealthChecker tells about this computer."""

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hybrid_bridge.health import HealthChecker


def test_the_resources_are_figures_with_a_verdict_each() -> None:
    found = HealthChecker.check_system_resources()
    assert list(found) == ["ok", "cpu", "memory", "disk"]
    parts = [found["cpu"], found["memory"], found["disk"]]
    assert found["ok"] == all(part["ok"] for part in parts)
    assert all(0 <= part["used_percent"] <= 100 for part in parts)
    assert found["memory"]["free_gb"] > 0
    assert found["disk"]["path"] == str(Path.cwd())


def test_a_full_disk_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    real = psutil.disk_usage(str(Path.cwd()))
    monkeypatch.setattr(psutil, "disk_usage", lambda _: real._replace(free=900_000_000, percent=99.9))
    found = HealthChecker.check_system_resources()
    assert (found["ok"], found["disk"]["ok"], found["disk"]["free_gb"]) == (False, False, 0.8)


def test_a_busy_processor_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: 97.0)
    found = HealthChecker.check_system_resources()
    assert (found["ok"], found["cpu"]) == (False, {"ok": False, "used_percent": 97.0})


@pytest.mark.not_on_windows("a program that waits is named cat only elsewhere")
def test_a_running_terminal_is_found_with_its_path(tmp_path: Path) -> None:
    cat = shutil.which("cat")
    assert cat
    program = tmp_path / "terminal64.exe"
    shutil.copy(cat, program)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        found = HealthChecker.check_mt5_process()
        process.communicate()
    assert {"pid": process.pid, "path": str(program)} in found["terminals"]
    assert found["ok"]
    assert "MetaTrader 5 terminal" in found["detail"]


@pytest.mark.parametrize("error", [psutil.AccessDenied(), psutil.NoSuchProcess(1), OSError("Wine")])
def test_a_terminal_that_hides_its_path_is_found_without_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Hidden:
        pid = 4711

        def __init__(self, name: str | None) -> None:
            self._name = name

        def name(self) -> str:
            if self._name is None:
                raise error
            return self._name

        def exe(self) -> str:
            raise error

    monkeypatch.setattr(psutil, "process_iter", lambda: [Hidden(None), Hidden("Terminal64.EXE")])
    assert HealthChecker.check_mt5_process() == {
        "ok": True,
        "terminals": [{"pid": 4711, "path": ""}],
        "detail": "1 MetaTrader 5 terminal runs",
    }


@pytest.mark.parametrize(
    ("platform", "words"),
    [("linux", "MetaTrader 5 runs on Windows"), ("win32", "start MetaTrader 5 and log in")],
)
def test_no_terminal_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, platform: str, words: str
) -> None:
    monkeypatch.setattr(psutil, "process_iter", list)
    monkeypatch.setattr(sys, "platform", platform)
    found = HealthChecker.check_mt5_process()
    assert (found["ok"], found["terminals"]) == (False, [])
    assert words in found["detail"]
