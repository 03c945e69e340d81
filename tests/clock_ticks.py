"""How much too short a wait may seem: on Windows the monotonic clock moves in steps of some 16 ms."""

import time

# One step at the beginning, one at the end.
CLOCK_STEPS_S = 2 * time.get_clock_info("monotonic").resolution
