"""Child processes that hold the MetaTrader5 package, and what the daemon makes of their answers."""
