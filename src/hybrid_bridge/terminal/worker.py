"""The program of a lane's process: the only place where the MetaTrader5-shaped module is imported and called.

    python -m hybrid_bridge.terminal.worker --module MetaTrader5 --name market --parent PID

Answers one request at a time from standard input on standard output (see `framing`, `operations`). The
package never releases the GIL and has no timeouts, so a call may freeze this process; the daemon's `lane`
kills it then. It must not import what the daemon is made of: start-up time and memory count twice.
"""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from hybrid_bridge.terminal import process_care, tick_pages, trading, valuing
from hybrid_bridge.terminal.diagnosis import answers
from hybrid_bridge.terminal.diagnosis.operations import DIAGNOSIS
from hybrid_bridge.terminal.framing import LOG, REPLY, Failure, pack, read_payload
from hybrid_bridge.terminal.operations import OPERATIONS
from hybrid_bridge.terminal.package import PackageError
from hybrid_bridge.terminal.session import Session


class Worker:
    """Reads requests, has them done, writes replies."""

    def __init__(self, module_name: str, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._session = Session(module_name, self.log)
        self._request = msgspec.msgpack.Decoder(tuple[int, str, msgspec.Raw])
        self._arguments = {
            operation.name: msgspec.msgpack.Decoder(operation.args)
            for operation in (*OPERATIONS.values(), *DIAGNOSIS)
        }
        session = self._session
        self._operations: dict[str, Callable[[Any], msgspec.Struct]] = {
            "connect": session.connect,
            "select": session.select,
            "ticks": lambda args: tick_pages.read_pages(session.package, args),
            "newest": session.newest,
            "history": lambda args: tick_pages.read_span(session.package, args),
            "report": lambda args: valuing.report(session, args),
            "identity": session.identify,
            "appraise": lambda args: trading.appraise(session, args),
            "submit": lambda args: trading.submit(session, args),
            "look": lambda args: trading.look(session, args),
            "deals": lambda args: trading.find_deals(session, args),
            "package": lambda args: answers.tell_package(session, args),
            "state": lambda args: answers.tell_state(session, args),
            "symbols": lambda args: answers.tell_symbols(session, args),
            "rehearse": lambda args: answers.rehearse(session, args),
        }

    def run(self) -> None:
        """Serve until the daemon closes its end."""
        while (payload := read_payload(self._source)) is not None:
            number, name, raw = self._request.decode(payload)
            ok, result = self._perform(name, raw)
            self._write([REPLY, number, ok, result, self._session.link_lost, self._session.stranger])
        self._session.close()

    def log(self, level: str, event: str, **fields: object) -> None:
        """Send a remark to the daemon's log."""
        texts = {key: self._session.scrub(str(value)) for key, value in fields.items()}
        self._write([LOG, level, event, texts])

    def _perform(self, name: str, raw: msgspec.Raw) -> tuple[bool, msgspec.Struct]:
        self._session.begin()
        try:
            return True, self._operations[name](self._arguments[name].decode(raw))
        except PackageError as error:
            return False, Failure(error.call, error.code, self._session.scrub(error.text))
        except Exception as error:  # noqa: BLE001  whatever the package raises must reach the daemon as an answer
            text = self._session.scrub(f"{type(error).__name__}: {error}")
            return False, Failure(name, 0, text)

    def _write(self, message: object) -> None:
        self._sink.write(pack(message))
        self._sink.flush()


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Make standard input and output private to the frames.

    Whatever the package or a library prints goes to standard error from here on, and reads find nothing.
    """
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(source, os.O_BINARY)
        msvcrt.setmode(sink, os.O_BINARY)
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb")


def main() -> int:
    """Run a worker; the arguments come from `lane`."""
    parser = argparse.ArgumentParser(prog="hybrid_bridge.terminal.worker")
    parser.add_argument("--module", required=True, help="the module to import as MetaTrader5")
    parser.add_argument("--name", required=True, help="shown in process lists: market, trade or audit")
    parser.add_argument("--parent", required=True, type=int, help="process id of the daemon")
    arguments = parser.parse_args()
    source, sink = take_pipes()
    process_care.die_with_parent(arguments.parent, source.fileno())
    try:
        Worker(arguments.module, source, sink).run()
    except BrokenPipeError:
        return process_care.ORPHANED
    return 0


if __name__ == "__main__":
    sys.exit(main())
