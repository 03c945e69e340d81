"""Real processes killed in a loop around the bridge, judged from outside. `scripts/blackbox` runs it."""
