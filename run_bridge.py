"""Starts the bridge without Redpanda, WebSocket only: python run_bridge.py [options].

A launcher that also offers HealthChecker:
python -c "from run_bridge import HealthChecker; print(HealthChecker.check_system_resources())"
"""

import sys
from pathlib import Path

SOURCE = str(Path(__file__).resolve().parent / "src")
if SOURCE in sys.path:
    sys.path.remove(SOURCE)
sys.path.insert(0, SOURCE)

from hybrid_bridge.launch import explained, start  # noqa: E402  src must be found first

with explained():
    from hybrid_bridge.health import HealthChecker

__all__ = ["HealthChecker"]

if __name__ == "__main__":
    sys.exit(start(websocket_only=True))
