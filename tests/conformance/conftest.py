"""Fixtures of the conformance tests."""

from tests.windows_python import windows_python

__all__ = ["windows_python"]
