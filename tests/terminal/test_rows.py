"""A row's fields are the package's, by the package's own names."""

import pytest

from hybrid_bridge.simulator import records
from hybrid_bridge.terminal import rows


@pytest.mark.parametrize(
    ("row", "structure"),
    [
        (rows.SymbolRow, records.SymbolInfo),
        (rows.QuoteRow, records.Tick),
        (rows.AccountRow, records.AccountInfo),
        (rows.TerminalRow, records.TerminalInfo),
        (rows.PositionRow, records.TradePosition),
        (rows.OrderRow, records.TradeOrder),
        (rows.DealRow, records.TradeDeal),
        (rows.BookingRow, records.TradeDeal),
        (rows.SendRow, records.OrderSendResult),
    ],
)
def test_a_row_names_fields_of_the_package_s_structure(row, structure):
    assert set() == set(row.__struct_fields__) - set(structure._fields)
