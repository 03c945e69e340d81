"""Which limits a seed's trader has set. Values by the seed alone; the world makes its settings of them."""

import random
from typing import Any


def draw_limits(draw: random.Random) -> dict[str, Any]:
    """Draw the limits on losses and exposure; one seed in four has none of them."""
    drawn = {
        "max_daily_loss_percent": draw.choice((None, 0.1, 0.2, 0.5, 1.5)),
        "max_drawdown_percent": draw.choice((None, None, 0.1, 0.3, 1.0)),
        "max_exposure_percent": draw.choice((None, None, 60.0, 150.0, 400.0)),
        "min_margin_level_percent": draw.choice((None, None, None, 3_000.0, 10_000.0)),
        "max_consecutive_losses": draw.choice((None, None, 1, 2)),
        "cooldown_minutes": draw.choice((None, 1.0, 3.0)),
        "slippage_reserve_points": draw.choice((0.0, 10.0, 40.0)),
        "on_breach": draw.choice(("block", "flatten")),
        "breach_readings": draw.choice((1, 3)),
        "oversized": draw.choice(("reduce", "reduce", "deny")),
    }
    return {} if draw.random() < 0.25 else drawn
