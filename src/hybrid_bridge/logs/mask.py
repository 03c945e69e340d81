"""Keeps secrets out of the log: masks configured texts wherever they stand, and fields named like secrets.

Used by logs only. It also turns every value into plain text, numbers, lists and dicts, so that an entry can
be written later and by another thread. It must not fail: a value that cannot be shown is said to be one.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "********"
# Shorter texts stand in every other line; masking them would leave no log to read.
SECRET_CHARS_MIN = 4
TEXT_CHARS_MAX = 20_000
DEPTH_MAX = 4
SECRET_FIELDS = re.compile(r"passw|secret|token|authorization|api_key", re.IGNORECASE)


class Mask:
    """Replaces secrets by asterisks.

    Args:
        secrets: the texts to hide; found as they are and as repr, JSON and URLs spell them.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= SECRET_CHARS_MIN
            for spelling in _spellings(secret)
        }
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def text(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def entry(self, entry: Mapping[str, object]) -> dict[str, object]:
        """Return a log entry made of plain values, masked."""
        return {name: self._field(name, value, DEPTH_MAX) for name, value in entry.items()}

    def _field(self, name: object, value: object, depth: int) -> object:
        if value is not None and _is_secret_name(str(name)):
            return MASK
        return self._plain(value, depth)

    def _plain(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self.text(_as_text(value))
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(value)
        if isinstance(value, Mapping) and depth:
            return {self.text(str(name)): self._field(name, one, depth - 1) for name, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)) and depth:
            return [self._plain(one, depth - 1) for one in value]
        return self.text(_as_text(value))


@lru_cache(maxsize=1000)
def _is_secret_name(name: str) -> bool:
    return SECRET_FIELDS.search(name) is not None


def _as_text(value: object) -> str:
    try:
        text = str(value) or (repr(value) if isinstance(value, BaseException) else "")
    except Exception as error:  # noqa: BLE001  a broken __str__ must not stop what is being logged
        text = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    if len(text) > TEXT_CHARS_MAX:
        text = f"{text[:TEXT_CHARS_MAX]}... ({len(text) - TEXT_CHARS_MAX} more characters)"
    return text


def _spellings(secret: str) -> set[str]:
    quoted = {
        secret,
        repr(secret)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    # A line of JSON may quote a text that quotes the secret already.
    return quoted | {json.dumps(text)[1:-1] for text in quoted}
