"""A few facts about Redpanda in a small file of STATE_DIR, one file per account.

Owns how such a file is written and read, and that nothing is worse than slower without it: one that cannot be
written, or was cut short by a power cut, is as good as none. Nothing in it may be needed for an order or a
tick to be right. Used by other modules of this folder.
"""

import json
from typing import Any

import structlog

from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.whole_file import replace_text

log = structlog.get_logger(__name__)


class KeptFile:
    """One such file; nothing is kept when the settings name no folder."""

    def __init__(self, settings: StreamSettings, name: str) -> None:
        """Name the file; it is not touched yet."""
        folder = settings.state_dir
        self._path = None if folder is None else folder / f"{name}-{settings.account}.json"
        self._complained = False

    def read(self) -> dict[str, Any]:
        """Return what was kept; nothing when there is nothing readable."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            log.info("File cannot be read, going on without it", file=str(self._path), cause=repr(error))
            return {}
        return kept if isinstance(kept, dict) else {}

    def write(self, facts: dict[str, Any]) -> None:
        """Keep these facts in place of those before."""
        if self._path is None:
            return
        try:
            replace_text(self._path, json.dumps(facts))
        except OSError as error:
            if not self._complained:
                log.warning(
                    "File cannot be written, going on without it", file=str(self._path), cause=str(error)
                )
            self._complained = True
