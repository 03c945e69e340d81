"""Lets `python -m hybrid_bridge` start the bridge."""

import sys

from hybrid_bridge.launch import start

if __name__ == "__main__":
    sys.exit(start())
