"""Codes and their words."""

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.retcodes import COMMENTS, RefusedError


def test_every_retcode_has_a_comment_that_fits_the_wire() -> None:
    codes = {value for name, value in vars(mt5).items() if name.startswith("TRADE_RETCODE_")}
    assert codes | {0} == set(COMMENTS)
    assert all(0 < len(comment) < 100 for comment in COMMENTS.values())


def test_the_comments_seen_with_the_package_are_those() -> None:
    assert (
        "Done",
        "Requote",
        "Request executed",
        "Invalid stops",
        "No changes",
        "AutoTrading disabled by client",
        "Unsupported filling mode",
    ) == tuple(COMMENTS[code] for code in (0, 10004, 10009, 10016, 10025, 10027, 10030))


def test_a_refusal_carries_its_code_and_prices() -> None:
    refusal = RefusedError(10004, 1.1, 1.2)
    assert (10004, 1.1, 1.2) == (refusal.retcode, refusal.bid, refusal.ask)
