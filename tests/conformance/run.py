"""Goes through all checks with one client and prints each as a line of JSON.

    python run.py MetaTrader5
    python run.py hybrid_bridge.simulator.module

A plain program, so that it runs where there is no pytest: the Windows Python under Wine.
"""

import json
import sys
import tempfile
from pathlib import Path

import checks_made
import checks_simulator
from checking import Client


def main(module: str) -> None:
    """Run the checks on a client."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = Client(module, Path(folder))
        for checks in (checks_made, checks_simulator):
            checks.check_all(client)
    for result in client.results:
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
