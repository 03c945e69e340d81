"""`python -m hybrid_bridge.simulator`: the same as `hybrid-bridge simulator`."""

import sys

from hybrid_bridge.simulator.server import main

if __name__ == "__main__":
    sys.exit(main())
