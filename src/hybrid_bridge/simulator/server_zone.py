"""The trade server's wall clock: how far it is from UTC, and how that changes with the season.

Owns the rule and both directions of its use. Three kinds: a fixed number of seconds; a place's own
clock by its IANA name ("EET", "Europe/Athens"); and New York's clock plus some hours ("NY+7"), which
most brokers follow so that their day ends when New York closes. Pure but for the machine's time zone
data. The feed dates ticks by it, the ledger goes back from it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NEW_YORK_PLUS = re.compile(r"NY([+-]\d{1,2})")
_SECONDS = re.compile(r"[+-]?\d+")
_DAY_S = 86_400
# Clocks change at full quarters of an hour.
_QUARTER_S = 900


class ServerZone:
    """A trade server's offset from UTC."""

    def __init__(self, zone: ZoneInfo | None, added_s: int) -> None:
        self._zone = zone
        self._added_s = added_s
        self._quarter = -1
        self._offset_s = added_s

    @classmethod
    def fixed(cls, offset_s: int) -> ServerZone:
        """Give the clock that is always so many seconds ahead of UTC."""
        return cls(None, offset_s)

    @classmethod
    def read(cls, text: str) -> ServerZone:
        """Read a clock: seconds, "NY+7" or an IANA name.

        Raises:
            ValueError: if it is none of them, or more than a day from UTC.
        """
        if _SECONDS.fullmatch(text):
            if abs(int(text)) > _DAY_S:
                raise ValueError(f"an offset of {text} seconds is more than a day")
            return cls.fixed(int(text))
        match = _NEW_YORK_PLUS.fullmatch(text)
        name, added_s = ("America/New_York", int(match[1]) * 3600) if match else (text, 0)
        try:
            return cls(ZoneInfo(name), added_s)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{text!r} is no clock: expected seconds ahead of UTC, NY+7, or a name like Europe/Athens"
            ) from None

    def offset_s(self, utc_s: int) -> int:
        """Give the offset at a moment."""
        if self._zone is None:
            return self._added_s
        quarter = utc_s // _QUARTER_S
        if quarter != self._quarter:
            offset = datetime.fromtimestamp(quarter * _QUARTER_S, UTC).astimezone(self._zone).utcoffset()
            self._offset_s = self._added_s + (int(offset.total_seconds()) if offset else 0)
            self._quarter = quarter
        return self._offset_s

    def server_msc(self, utc_msc: int) -> int:
        """Give what the server's clock shows at a moment of UTC, milliseconds."""
        return utc_msc + self.offset_s(utc_msc // 1000) * 1000

    def utc_msc(self, server_msc: int) -> int:
        """Give the moment of UTC at which the server's clock shows something, milliseconds.

        In the hour that a clock put back shows twice, it is the second time.
        """
        shown_s = server_msc // 1000
        guess_s = shown_s - self.offset_s(shown_s - self.offset_s(shown_s))
        return server_msc - self.offset_s(guess_s) * 1000
