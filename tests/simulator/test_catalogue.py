"""The symbols on offer."""

import pytest

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.catalogue import CATALOGUE, MAJORS, catalogue_symbol


def test_there_are_twenty_eight_pairs_and_one_of_every_other_kind() -> None:
    pairs = [spec for spec in CATALOGUE if spec.calc_mode == mt5.SYMBOL_CALC_MODE_FOREX]
    assert 28 == len(pairs)
    assert {"XAUUSD", "XAGUSD", "US500", "BTCUSD", "AAPL"} == {
        spec.name for spec in CATALOGUE if spec not in pairs
    }
    assert len(CATALOGUE) == len({spec.name for spec in CATALOGUE})


def test_the_kinds_differ_in_what_a_client_must_read() -> None:
    kinds = [catalogue_symbol(name) for name in ("EURUSD", "XAUUSD", "US500", "BTCUSD", "AAPL")]
    assert 3 == len({spec.execution for spec in kinds})
    assert 4 == len({spec.filling_mode for spec in kinds})
    assert len({spec.contract_size for spec in kinds}) >= 4
    assert len({spec.sessions for spec in kinds}) == 4
    assert {5, 3, 2} == {spec.digits for spec in kinds}


def test_yen_pairs_have_three_digits_and_the_others_five() -> None:
    for spec in CATALOGUE:
        if spec.calc_mode == mt5.SYMBOL_CALC_MODE_FOREX:
            assert (3 if spec.currency_profit == "JPY" else 5) == spec.digits


def test_the_crosses_agree_with_the_majors_they_are_made_of() -> None:
    prices = {spec.name: spec.price for spec in CATALOGUE}
    in_dollars = {"USD": 1.0}
    for name in MAJORS:
        base, quote = name[:3], name[3:]
        if quote == "USD":
            in_dollars[base] = prices[name]
        else:
            in_dollars[quote] = 1 / prices[name]
    for spec in CATALOGUE:
        if spec.calc_mode == mt5.SYMBOL_CALC_MODE_FOREX:
            fair = in_dollars[spec.currency_base] / in_dollars[spec.currency_profit]
            assert fair == pytest.approx(spec.price, rel=0.005), spec.name


def test_every_starting_price_is_on_the_grid() -> None:
    assert all(spec.price_is_aligned(spec.price) for spec in CATALOGUE)


def test_an_unknown_symbol_is_named_beside_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"EURUSDx: not in the catalogue .* EURUSD, GBPUSD"):
        catalogue_symbol("EURUSDx")
