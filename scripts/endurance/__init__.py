"""Endurance: minutes of ticks through the whole bridge while its broker, or the bridge, is killed."""
