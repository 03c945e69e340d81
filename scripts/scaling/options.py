"""The options of scripts/scale, whose `--help` is answered by this file alone.

So it needs nothing but Python itself: to ask what a script does must not cost a minute of installing.
"""

import argparse
from pathlib import Path


def read_options() -> argparse.Namespace:
    """Read the command line; ends the program where it cannot be read, or asks for help."""
    parser = argparse.ArgumentParser(
        prog="scripts/scale", description="Measure what an account costs a broker that many share."
    )
    parser.add_argument("--bridges", type=int, default=50, help="simulated bridges [50]")
    parser.add_argument("--processes", type=int, default=2, help="processes that they run in [2]")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each phase is watched [20]")
    parser.add_argument(
        "--stop-wait-ms",
        type=int,
        default=0,
        metavar="MS",
        help="how long the broker may hold a stop watcher's fetch (default: as the bridge has it)",
    )
    parser.add_argument("--json", type=Path, default=Path("scale.json"), metavar="FILE")
    parser.add_argument("--bootstrap", default="", metavar="HOST:PORT", help="a broker that runs already")
    options = parser.parse_args()
    if not 1 <= options.processes <= options.bridges:
        parser.error(f"{options.processes} processes for {options.bridges} bridges: need one bridge in each")
    return options


if __name__ == "__main__":
    read_options()
