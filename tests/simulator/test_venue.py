"""The joined parts of a trade server."""

import pytest
from tests.simulator.trading import DAY_MSC, Account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.retcodes import RefusedError


def test_sessions_count_only_where_they_are_kept() -> None:
    for kept in (True, False):
        account = Account(enforce_sessions=kept)
        account.wait(5 * DAY_MSC)
        venue = account.exchange._venue
        assert (not kept) == venue.is_open(venue.instruments["EURUSD"])
        assert venue.is_open(venue.instruments["BTCUSD"])


def test_a_symbol_must_be_known_and_quoted() -> None:
    venue = Account().exchange._venue
    for symbol, retcode in (
        ("nope", mt5.TRADE_RETCODE_INVALID),
        ("EURUSD", mt5.TRADE_RETCODE_PRICE_OFF),
    ):
        with pytest.raises(RefusedError) as refused:
            venue.instrument(symbol)
        assert retcode == refused.value.retcode
