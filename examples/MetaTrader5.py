"""The whole change: beside your script, this stands in for the MetaTrader5 package."""

from hybrid_bridge.simulator.module import *  # noqa: F403
