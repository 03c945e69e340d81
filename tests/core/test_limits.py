"""No limit is an empty promise: each one is read by the code that enforces it."""

from dataclasses import fields
from pathlib import Path

import hybrid_bridge
from hybrid_bridge.core.limits import Limits

SOURCE = Path(hybrid_bridge.__file__).parent


def test_every_limit_is_enforced_somewhere() -> None:
    enforcing = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("core", "execution")
        for path in (SOURCE / folder).glob("*.py")
    )

    assert [field.name for field in fields(Limits) if f"limits.{field.name}" not in enforcing] == []
