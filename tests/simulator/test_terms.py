"""What befalls a request besides its own words."""

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.terms import USUAL, Terms


def test_a_request_comes_from_a_program_unless_told_otherwise() -> None:
    assert (mt5.ORDER_REASON_EXPERT, False) == (USUAL.reason, USUAL.by_hand)
    assert Terms(reason=mt5.ORDER_REASON_CLIENT).by_hand
