"""The embedded broker of demo and tests: librdkafka's mock cluster in a process of its own.

Speaks the real Kafka protocol and keeps everything in memory. It stamps every record with time 1234, keeps
repetitions that a real broker would drop, and knows no administration, so it is nothing to run a business on.
Started as `python -m hybrid_bridge.streams.embedded` by the demo and the tests.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from hybrid_bridge.errors import BridgeError

START_TIMEOUT_S = 15.0
NOT_INSTALLED = (
    "The embedded broker needs confluent-kafka, which is not installed;"
    ' install the extra "demo": pip install "hybrid-mt5-bridge[demo]"'
)


def serve(ready_file: Path | None, die_with_parent: bool) -> None:
    """Run the mock cluster until SIGTERM, SIGINT or, if wanted, the end of standard input.

    Raises:
        BridgeError: when confluent-kafka is not installed.
    """
    try:
        from confluent_kafka import Producer
    except ImportError as error:
        raise BridgeError(NOT_INSTALLED) from error
    stop = threading.Event()

    def ask_to_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    # The cluster lives as long as this client does; the address it is given is not used.
    owner = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(owner.list_topics(timeout=START_TIMEOUT_S).brokers.values()))
    _announce({"broker": f"{broker.host}:{broker.port}"}, ready_file)
    if die_with_parent:
        threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
    while not stop.wait(1.0):  # On Windows only a wait with an end lets Ctrl-C through.
        pass
    os._exit(0)  # librdkafka would take a second to put away what nobody needs any more.


def _wait_for_parent(stop: threading.Event) -> None:
    """Set `stop` when standard input ends, as it does when the process that holds its other end dies."""
    while sys.stdin.buffer.read(1024):
        pass
    stop.set()


def _announce(fact: dict[str, str], ready_file: Path | None) -> None:
    line = json.dumps(fact)
    if ready_file is not None:
        half = ready_file.with_name(ready_file.name + ".part")
        half.write_text(line + "\n", encoding="utf-8")
        half.replace(ready_file)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hybrid_bridge.streams.embedded", description=__doc__)
    parser.add_argument("--ready-file", type=Path, help="also write the address to this file once it listens")
    parser.add_argument("--die-with-parent", action="store_true", help="end when standard input ends")
    options = parser.parse_args(argv)
    try:
        serve(options.ready_file, options.die_with_parent)
    except BridgeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
