"""The endurance trial's options; `scripts/endure --help` is answered by this file alone.

So it needs nothing but Python itself: to ask what a script does must not cost a minute of installing.
"""

import argparse
from pathlib import Path

TARGETS = {"broker": ("broker",), "bridge": ("bridge",), "both": ("broker", "bridge")}


def read_options() -> argparse.Namespace:
    """Read the command line; ends the program where it cannot be read, or asks for help."""
    parser = argparse.ArgumentParser(
        prog="scripts/endure",
        description="Let ticks flow through terminal, bridge and Kafka while one of them is killed,"
        " and compare what arrived with what was played.",
    )
    parser.add_argument("--target", choices=tuple(TARGETS), default="broker", help="what is killed [broker]")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs [20]")
    parser.add_argument("--minutes", type=float, default=10.0, help="over which they are spread [10]")
    parser.add_argument(
        "--stop", type=float, default=300.0, metavar="SECONDS", help="one stop afterwards; 0: none [300]"
    )
    parser.add_argument("--rate", type=float, default=200.0, help="ticks made per second, all symbols [200]")
    parser.add_argument(
        "--ticks", type=Path, action="append", default=[], help="play this file instead; may be given again"
    )
    parser.add_argument("--seed", type=int, help="of everything drawn [from the clock]")
    parser.add_argument("--folder", type=Path, help="where everything is kept [a temporary one]")
    options = parser.parse_args()
    if options.kills < 0 or options.minutes < 0 or options.stop < 0 or options.rate <= 0:
        parser.error("--kills, --minutes and --stop must be 0 or more, --rate above 0")
    return options


if __name__ == "__main__":
    read_options()
