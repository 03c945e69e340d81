"""The trade server's wall clock through the seasons."""

from datetime import UTC, datetime

import pytest

from hybrid_bridge.simulator.server_zone import ServerZone


def utc_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("clock", "moment", "hours"),
    [
        ("10800", "2026-01-15T12:00", 3),
        ("-3600", "2026-07-15T12:00", -1),
        ("EET", "2026-03-29T00:59", 2),
        ("EET", "2026-03-29T01:00", 3),
        ("Europe/Athens", "2026-10-24T23:59", 3),
        ("Europe/Athens", "2026-10-25T01:00", 2),
        # New York changes three weeks before Europe in spring and one week after it in autumn.
        ("NY+7", "2026-03-08T06:59", 2),
        ("NY+7", "2026-03-08T07:00", 3),
        ("NY+7", "2026-10-30T12:00", 3),
        ("NY+7", "2026-11-01T06:00", 2),
    ],
)
def test_the_offset_is_that_of_the_moment(clock: str, moment: str, hours: int) -> None:
    zone = ServerZone.read(clock)
    at_s = utc_s(moment)
    assert hours * 3600 == zone.offset_s(at_s)
    assert (at_s * 1000 + 7, at_s * 1000 + hours * 3_600_000 + 7) == (
        zone.utc_msc(zone.server_msc(at_s * 1000 + 7)),
        zone.server_msc(at_s * 1000 + 7),
    )


@pytest.mark.parametrize("text", ["Mars/Base", "NY", "", "90000", "../etc/passwd"])
def test_what_is_no_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"clock|day"):
        ServerZone.read(text)
