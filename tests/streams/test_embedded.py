"""The embedded broker starts, tells its address and never outlives whoever started it."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

from tests.streams.support import EmbeddedBroker, eventually

from hybrid_bridge.streams import embedded

MODULE = [sys.executable, "-m", "hybrid_bridge.streams.embedded"]
SOURCE = Path(embedded.__file__).parents[2]


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


async def test_it_listens_after_the_start_and_not_after_the_stop() -> None:
    broker = EmbeddedBroker()
    await broker.start()
    assert listens(broker.address)

    await broker.stop()
    assert not listens(broker.address)
    await broker.stop()


def test_it_tells_its_address_on_standard_output_and_in_the_ready_file(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    process = subprocess.Popen([*MODULE, "--ready-file", str(ready)], stdout=subprocess.PIPE, cwd=SOURCE)
    assert process.stdout is not None
    with process.stdout:
        fact = json.loads(process.stdout.readline())
    assert fact == json.loads(ready.read_text())
    assert listens(fact["broker"])

    process.terminate()
    assert process.wait(timeout=5) == (1 if sys.platform == "win32" else 0)  # Windows' terminate kills


async def test_it_ends_when_its_parent_is_killed() -> None:
    code = (
        "import asyncio\nfrom hybrid_bridge.children import Child\n"
        "async def main():\n"
        "    broker = Child('broker', 'hybrid_bridge.streams.embedded', ['--die-with-parent'])\n"
        "    print((await broker.start())['broker'], flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=SOURCE
    )
    assert parent.stdout is not None
    address = (await parent.stdout.readline()).decode().strip()
    assert listens(address)
    parent.kill()
    await parent.wait()

    await eventually(lambda: not listens(address), "the broker ends", timeout_s=5)


def test_a_missing_confluent_kafka_is_named_with_what_to_install() -> None:
    code = (
        "import sys\nsys.modules['confluent_kafka'] = None\n"
        "from hybrid_bridge.streams.embedded import main\nsys.exit(main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=SOURCE, timeout=20, check=False
    )

    assert done.returncode == 1
    assert 'pip install "hybrid-mt5-bridge[demo]"' in done.stderr
    assert "Traceback" not in done.stderr
