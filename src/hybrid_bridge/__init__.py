"""Hybrid MT5 Bridge: joins a MetaTrader 5 terminal to an AI trading backend."""

__version__ = "0.1.0"
