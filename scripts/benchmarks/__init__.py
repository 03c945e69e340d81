"""What the bridge costs and how fast it is, measured on real processes. `scripts/bench` runs it."""
