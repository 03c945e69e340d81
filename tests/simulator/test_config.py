"""The configuration of a simulated trade server."""

import pytest

from hybrid_bridge.simulator.catalogue import catalogue_symbol
from hybrid_bridge.simulator.config import ExchangeConfig


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("account_mode", "exchange", "account_mode is 'exchange', must be one of hedging, netting"),
        ("leverage", 0, "leverage is 0, must be 1 or more"),
        ("balance", -1.0, "balance is -1.0, must be 0 or more"),
        ("symbols", (catalogue_symbol("EURUSD"),) * 2, "symbols: EURUSD more than once"),
        ("selected", ("EURUSD", "EURUSDx"), "selected: EURUSDx not among the symbols"),
    ],
)
def test_what_makes_no_sense_is_refused(field: str, value: object, words: str) -> None:
    changed: dict[str, object] = {field: value}
    with pytest.raises(ValueError, match=words):
        ExchangeConfig(**changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(("currency", "digits"), [("USD", 2), ("EUR", 2), ("JPY", 0)])
def test_money_has_the_digits_of_its_currency(currency: str, digits: int) -> None:
    assert digits == ExchangeConfig(currency=currency).currency_digits
