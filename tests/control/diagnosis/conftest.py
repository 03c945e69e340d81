"""Addresses that are wrong on purpose, and who signs certificates."""

from tests.streams.conftest import authority, full_address, refused_address, silent_address

__all__ = ["authority", "full_address", "refused_address", "silent_address"]
