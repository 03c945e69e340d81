"""What `service run` does around the bridge: tells the person in its window, and keeps what happened last.

The supervisor judges and waits; here are the words, the record in STATE_DIR, and the window that stays open
until its last words have been read.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from hybrid_bridge.commands.options import print_lines
from hybrid_bridge.errors import BridgeError, ConfigurationError
from hybrid_bridge.host import stop_signals
from hybrid_bridge.host.endings import Ending, Endings, watch_endings
from hybrid_bridge.host.supervisor import (
    ENDED_BY_WINDOWS,
    Ended,
    Failed,
    Patience,
    Started,
    Supervisor,
    Told,
    is_stop,
)
from hybrid_bridge.whole_file import replace_text

FILE_NAME = "service.json"
RECORD_BYTES_MAX = 4096
FINAL_WORDS = {
    2: "the settings need a correction, see above. It is not started again until you start it",
    3: "recovery was refused, see above: look at the account in the terminal, then start it yourself",
    4: "another bridge runs already, see above. This one is not needed",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What `service run` did last.

    Attributes:
        at: when, UTC.
        text: for a person.
    """

    at: str
    text: str


def run_supervised(
    command: Sequence[str],
    environment: Mapping[str, str],
    env_file: Path | None,
    patience: Patience | None = None,
) -> int:
    """Run the bridge until it ends for good; return its exit code.

    Args:
        command: what starts the bridge.
        environment: what it finds there besides what this process has.
        env_file: where its settings are; None for .env.
    """
    patience, path = patience or Patience(), _record_path(env_file)
    supervisor = Supervisor(command, environment, lambda told: _tell(told, path, patience), patience)
    code, endings = asyncio.run(_run(supervisor))
    if code:
        with endings.passed_to(lambda _: os._exit(code)):
            _wait_until_read()
    endings.done()
    return code


async def _run(supervisor: Supervisor) -> tuple[int, Endings]:
    loop = asyncio.get_running_loop()

    def end(_: Ending) -> None:
        loop.call_soon_threadsafe(supervisor.stop)

    with stop_signals.passed_to(supervisor.stop):
        endings = watch_endings()
        try:
            with endings.passed_to(end):
                return await supervisor.run(), endings
        except BridgeError as error:
            print_lines([f"{error}\n"])
            return error.exit_code, endings


def _tell(told: Told, path: Path | None, patience: Patience) -> None:
    """Write what happened into the window and into the record."""
    now, text = datetime.now(UTC), _words(told, patience)
    hint = "" if isinstance(told, Ended) else ". To end it: Ctrl-C, or close this window"
    print_lines([f"{now.astimezone():%H:%M:%S} service: {text}{hint}\n"])
    if path is not None:
        _keep(path, Record(f"{now:%Y-%m-%dT%H:%M:%SZ}", text))


def _words(told: Told, patience: Patience) -> str:
    match told:
        case Started(pid):
            return f"the bridge is started (process {pid}), and will be again if it fails"
        case Failed(code, ran_s, failures, wait_s):
            failed = f"the bridge failed ({_code(code)}) after {ran_s:.0f} s, {_times(failures)}"
            return f"{failed}; it is started again in {wait_s:g} s"
        case Ended(code, 0) if is_stop(code):
            return "the bridge has ended as asked"
        case Ended(code, 0):
            return f"the bridge has ended: {FINAL_WORDS.get(code, _code(code))}"
        case Ended(code, failures):
            within = f"{_times(failures)}, each time within {patience.steady_s / 60:g} minutes"
            why = f"it has failed {within}. It is not started again: look above and into its log"
            return f"the bridge failed ({_code(code)}); {why}"


def _code(code: int) -> str:
    if code < 0:
        return f"ended by signal {-code}"
    return f"exit code 0x{code:X}" if code in ENDED_BY_WINDOWS or code > 0xFFFF else f"exit code {code}"


def _times(failures: int) -> str:
    return "once" if failures == 1 else f"{failures} times in a row"


def _wait_until_read() -> None:
    """Keep the window open until somebody has read it."""
    if sys.stdin is None or not sys.stdin.isatty():
        return
    print_lines(["\nPress Enter to close this window.\n"])
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        input()


def _record_path(env_file: Path | None) -> Path | None:
    """Return where the record is; None where the settings do not tell."""
    from hybrid_bridge.settings import find_state_dir

    try:
        return find_state_dir(env_file) / FILE_NAME
    except ConfigurationError:
        return None


def _keep(path: Path, record: Record) -> None:
    """Write the record in place of the last; one that cannot be written is told, and nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(asdict(record)))
    except OSError as error:
        print_lines([f"service: {path} cannot be written ({error}); 'service status' tells less\n"])


def read_record(env_file: Path | None) -> Record | None:
    """Return what `service run` did last; None when that is not known."""
    path = _record_path(env_file)
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(RECORD_BYTES_MAX))
        return Record(str(said["at"]), str(said["text"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
