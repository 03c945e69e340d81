"""What a person reads in a Windows console, whatever its code page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows' consoles have code pages")

SOURCE = Path(__file__).parents[2] / "src"
# Has a console of its own, writes to it as `hybrid-bridge` does, and reads the console's screen afterwards.
PROGRAM = """
import ctypes, sys
from ctypes import wintypes
from pathlib import Path
import structlog
from hybrid_bridge.logs import set_up
from hybrid_bridge.settings import LogSettings

code_page, folder = int(sys.argv[1]), Path(sys.argv[2])
kernel = ctypes.WinDLL("kernel32", use_last_error=True)
for ask in (kernel.SetConsoleOutputCP, kernel.SetConsoleCP):
    if not ask(code_page):
        raise ctypes.WinError(ctypes.get_last_error())
with open("CONOUT$", "w", encoding="utf-8") as console:
    sys.stdout = sys.stderr = console
    assert console.isatty()
    with set_up(LogSettings(folder / "мост.log", "INFO", 1_000_000, 2), stream=console):
        structlog.get_logger("x").info("größer → Привет", symbol="Ω")
    print("Иван", flush=True)
    kernel.GetStdHandle.restype = wintypes.HANDLE
    kernel.CreateFileW.restype = wintypes.HANDLE
    kernel.CreateFileW.argtypes = [wintypes.LPCWSTR, *[wintypes.DWORD] * 2, wintypes.LPVOID,
                                   *[wintypes.DWORD] * 2, wintypes.HANDLE]
    screen = kernel.CreateFileW("CONOUT$", 0xC0000000, 3, None, 3, 0, None)
    size, read = 80 * 25, wintypes.DWORD()
    text = ctypes.create_unicode_buffer(size + 1)
    kernel.ReadConsoleOutputCharacterW.argtypes = [
        wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD, wintypes.LPDWORD]
    if not kernel.ReadConsoleOutputCharacterW(screen, text, size, 0, read):
        raise ctypes.WinError(ctypes.get_last_error())
(folder / "screen.txt").write_text(text.value, encoding="utf-8")
"""


@pytest.mark.parametrize("code_page", [437, 866, 1252, 65001])
def test_every_letter_is_readable_on_the_screen_and_in_the_file(tmp_path: Path, code_page: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(code_page), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        creationflags=subprocess.CREATE_NO_WINDOW,
    )
    assert (0, "") == (ended.returncode, ended.stderr)
    screen = (tmp_path / "screen.txt").read_text(encoding="utf-8")
    assert "größer → Привет" in screen
    assert "Ω" in screen
    assert "Иван" in screen
    assert "größer → Привет" in (tmp_path / "мост.log").read_text(encoding="utf-8")
