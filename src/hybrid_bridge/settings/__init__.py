"""The only reader of the environment: every setting, checked once, frozen, handed down in slices.

A leaf. `load_settings` is called by cli once; the slices (frozen dataclasses, one per consumer) are what
other modules receive.
"""

from hybrid_bridge.settings.loading import find_state_dir, load_settings, look_up_settings
from hybrid_bridge.settings.model import (
    ControlSettings,
    LogSettings,
    SecuritySettings,
    Settings,
    SimulatorSettings,
    StreamSettings,
    TerminalSettings,
    TopicPlan,
)
from hybrid_bridge.settings.path import PathCheck, validate_mt5_path

__all__ = [
    "ControlSettings",
    "LogSettings",
    "PathCheck",
    "SecuritySettings",
    "Settings",
    "SimulatorSettings",
    "StreamSettings",
    "TerminalSettings",
    "TopicPlan",
    "find_state_dir",
    "load_settings",
    "look_up_settings",
    "validate_mt5_path",
]
