"""The bench's options and what can be measured; `scripts/bench --help` is answered by this file alone.

So it needs nothing but Python itself: to ask what a script does must not cost a minute of installing.
"""

import argparse
from pathlib import Path

NAMES = (
    *("redpanda", "websocket", "rate", "guard", "ticks", "beats", "publishing", "compression", "journaling"),
    *("stall", "footprint", "simulator"),
)


def read_options() -> argparse.Namespace:
    """Read the command line; ends the program where it cannot be read, or asks for help."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the bridge on this computer.")
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        metavar="NAME",
        help=f"this measurement alone; may be given again: {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer samples: two and a half minutes instead of seven"
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("bench.json"),
        metavar="FILE",
        help="where the figures are kept (default bench.json)",
    )
    broker = parser.add_mutually_exclusive_group()
    broker.add_argument(
        "--bootstrap",
        default="",
        metavar="HOST:PORT",
        help="a Kafka or Redpanda to measure with (default: the one of scripts/kafka, else the embedded one)",
    )
    broker.add_argument("--embedded", action="store_true", help="measure with the embedded broker")
    return parser.parse_args()


if __name__ == "__main__":
    read_options()
