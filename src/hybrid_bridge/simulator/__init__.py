"""A simulated MetaTrader 5 terminal; stands alone, knows nothing of the bridge."""
