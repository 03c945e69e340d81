"""What the account holds, seen as a whole: what it could lose at its stops, and what it is exposed to.

Pure, and free of correlations: every symbol and currency stands for itself. The guard's checks and the
bridge's status read the same figures here.
"""

from hybrid_bridge.core.account import Valuation


def open_risk(valuation: Valuation | None) -> float | None:
    """Add up what is lost if every position and pending order ends at its stop.

    Returns:
        Account currency; None when one of them has no stop or could not be calculated.
    """
    if valuation is None:
        return None
    losses = [*valuation.position_losses.values(), *valuation.order_losses.values()]
    return None if any(loss is None for loss in losses) else sum(loss for loss in losses if loss is not None)
