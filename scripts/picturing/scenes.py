"""What the pictures of docs/windows.md show: each scene's lines, from the programs or from a kept run.

A scene is read off its source every time, so that a picture cannot outlive a change of words. The runs of the
demo are kept as text, because no two are alike; scripts/pictures takes them anew.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hybrid_bridge.commands import service
from hybrid_bridge.host.scheduler import LogonTask

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
TITLE = "Hybrid MT5 Bridge"
BRIDGE = r"C:\HybridBridge"
DEMO_S = 40
STATUS_AFTER_S = 30
DEMO_LINES_MAX = 18
# Of the demo's lines, those that tell its story; the first of each, and every trade.
STORY = ("Demo is set up", "Journal restored", "WebSocket connected", "Redpanda channel is up", "Lane ready")
TRADES = ("Open for orders", "Order placed", "Position closed", "positions open")
LINE = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d+Z (INFO|WARNING|ERROR) +(.*?)(?: \[[\w.]+\])?$")


def scenes() -> dict[str, list[str]]:
    """Return the lines of every picture, by its name."""
    return {
        "menu": menu(),
        "demo": kept("demo"),
        "status": kept("status"),
        "check": check(),
        "install": install(),
    }


def menu() -> list[str]:
    """Return the menu of start_bridge.bat."""
    script = (ROOT / "start_bridge.bat").read_text(encoding="ascii").splitlines()
    begin = next(at for at, line in enumerate(script) if line.startswith(":menu"))
    shown = []
    for line in script[begin:]:
        if line.startswith("set /p"):
            return [*shown, line.partition("=")[2].removesuffix('"') + "3"]
        if line.startswith("echo"):
            shown.append(re.sub(r"\^(.)", r"\1", line[5:]).rstrip())
    raise ValueError("start_bridge.bat: no question behind its menu")


def check() -> list[str]:
    """Return the check of a terminal as docs/check.md shows it."""
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8").splitlines()
    begin = next(at for at, line in enumerate(page) if line.startswith("    Terminal: "))
    block: list[str] = []
    for line in page[begin:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    while not block[-1]:
        block.pop()
    return [rf"{BRIDGE}> start_bridge.bat check terminal", "", *block]


def install() -> list[str]:
    """Return what `service install` shows and asks."""
    program = rf"{BRIDGE}\.venv\Scripts\python.exe"
    task = LogonTask(r"DESKTOP\Anna", program, (rf"{BRIDGE}\hybrid_bridge.py", "service", "run"), BRIDGE)
    plan = "\n".join(service.plan(task, there=False)).splitlines()
    asked = f"{service.QUESTION} Type yes: yes"
    return [
        rf"{BRIDGE}> start_bridge.bat service install",
        "",
        *plan,
        "",
        asked,
        *service.done(task),
    ]


def kept(name: str) -> list[str]:
    """Return a run's lines as they were taken."""
    return (PICTURES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def take(folder: Path) -> None:
    """Run the demo in a folder, look at its status, and keep both."""
    launcher = str(ROOT / "hybrid_bridge.py")
    run = [sys.executable, launcher, "--demo", "--duration", str(DEMO_S)]
    with (folder / "demo.log").open("w+", encoding="utf-8") as log:
        with subprocess.Popen(run, cwd=folder, stdout=subprocess.DEVNULL, stderr=log) as demo:
            time.sleep(STATUS_AFTER_S)
            look = [sys.executable, launcher, "status", "--demo"]
            status = subprocess.run(
                look, cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False
            )
            demo.wait(DEMO_S * 3)
        log.seek(0)
        story = [rf"{BRIDGE}> start_bridge.bat demo", "", *_story(log.read().splitlines())]
    told = status.stdout.replace(str(folder), BRIDGE).replace("/", "\\").splitlines()
    for name, lines in (
        ("demo", story),
        ("status", [rf"{BRIDGE}> start_bridge.bat status --demo", "", *told]),
    ):
        (PICTURES / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _story(log: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    matches = (found for line in log if (found := LINE.match(line)))
    told = 0
    for found in matches:
        at, level, text = found.groups()
        words = next((words for words in (*STORY, *TRADES) if words in text), "")
        if not words or (words in STORY and words in seen) or told == DEMO_LINES_MAX:
            continue
        seen.add(words)
        told += 1
        # Wide lines are cut as a narrow window would: what comes first says the most.
        yield f"{at} {level:7} {re.sub(r'  +', '  ', text)}"[:119].rstrip()
