"""The client's end of the terminal's pipe: one connection, one call at a time.

Owns the socket, the handshake and the codes with which calls fail, as the package reports them.
Knows no function of the package: `module` does. Blocks without limit while the terminal is silent,
as the package does; unlike the package it lets other threads of the process run meanwhile, unless
SIM_HOLD_GIL=1 is in the environment when it connects.

How a connection dies decides what later calls say, and nothing reconnects by itself:

    the terminal goes while a call waits     -10002 once, then -10004 for ever
    ... in the middle of a reply             -10002 once, then -10001 for ever
    the terminal went between two calls      -10001 for ever

Source: measured with the genuine package 5.0.6231.
"""

import contextlib
import io
import math
import select
import socket
import threading
import time
from typing import Any, Final

from hybrid_bridge.simulator import held_gil, wire
from hybrid_bridge.simulator.wire import Command
from hybrid_bridge.simulator.wire_structs import WireError

Address = tuple[str, int]

SUCCESS: Final = (1, "Success")
NEVER_CALLED: Final = (0, "")
INVALID_PARAMS: Final = -2
NOT_FOUND: Final = -4
INVALID_VERSION: Final = -5
AUTHORIZATION_FAILED: Final = -6
UNSUPPORTED: Final = -7
AUTO_TRADING_DISABLED: Final = -8
CALL_FAILED: Final = -10000
SEND_FAILED: Final = -10001
RECEIVE_FAILED: Final = -10002
INITIALIZE_FAILED: Final = -10003
NO_CONNECTION: Final = -10004
TIMED_OUT: Final = -10005

_TEXTS: Final = {
    -2: "Terminal: Invalid params",
    -3: "Terminal: Out of memory",
    NOT_FOUND: "Terminal: Not found",
    INVALID_VERSION: (
        "Terminal: Incompatible versions, please install the latest version of Terminal and Python module"
    ),
    AUTHORIZATION_FAILED: "Terminal: Authorization failed",
    UNSUPPORTED: "Terminal: Unsupported function",
    CALL_FAILED: "IPC call failed",
    SEND_FAILED: "IPC send failed",
    RECEIVE_FAILED: "IPC recv failed",
    INITIALIZE_FAILED: "IPC initialize failed, ",
    NO_CONNECTION: "No IPC connection",
    TIMED_OUT: "IPC timeout",
}
_COMMAND_TEXTS: Final = {
    (Command.LOGIN, UNSUPPORTED): ("Unsupported authorization mode, OTP or certificate password needed"),
    (Command.ORDER_SEND, AUTO_TRADING_DISABLED): ("Auto-Trading using Python API disabled in Terminal"),
}
_NO_ANSWER: Final = "IPC initialize failed, Pipe server didn't answer in 60 sec"
_POLL_S: Final = 0.1
_PEEK: Final = socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0)


class CallError(Exception):
    """A call that failed, with the code and the text that last_error shows."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class Session:
    """One process's connection to a terminal.

    Attributes:
        last_error: code and text of the latest call.
        build: the terminal's build, 0 before the first handshake.
    """

    def __init__(self) -> None:
        self.last_error: tuple[int, str] = NEVER_CALLED
        self.build = 0
        self._socket: socket.socket | None = None
        self._stream: io.BufferedReader | None = None
        self._dead_code = NO_CONNECTION
        self._holds_gil = False
        self._lock = threading.Lock()

    def connect(self, address: Address, retry_ms: int) -> None:
        """Connect, in place of any earlier connection, and learn the terminal's build.

        Args:
            address: host and port of the terminal.
            retry_ms: how long to go on trying while nobody listens there; 0 tries once.
        Raises:
            CallError: -10003 if nobody answers. If the terminal refuses the handshake its own code;
                the connection then stays open, as the package leaves it.
        """
        self.close()
        self._holds_gil = held_gil.is_wanted()
        self._socket = _connect(address, time.monotonic() + retry_ms / 1000)
        self._stream = io.BufferedReader(socket.SocketIO(self._socket, "r"), 65_536)
        self.build = self.call(Command.HELLO, wire.API_VERSION, wire.CLIENT_NAME)

    def authorise(self, account: tuple[int, str, str] | None, timeout_ms: int) -> None:
        """Log in if an account is given, then wait until the terminal is authorised.

        Args:
            account: login, password and server.
            timeout_ms: asks ceil(timeout_ms / 100) times, 100 ms apart.
        Raises:
            CallError: with the terminal's code, -6 if it is refused, -10005 after the last try.
        """
        if account is not None:
            self.call(Command.LOGIN, 0, *account)
        for _ in range(math.ceil(timeout_ms / 100)):
            state = self.call(Command.AUTHORISATION)
            if state == wire.AUTHORISED:
                return
            if state == wire.REFUSED:
                raise call_error(AUTHORIZATION_FAILED)
            time.sleep(_POLL_S)
        raise call_error(TIMED_OUT)

    def close(self) -> None:
        """Drop the connection, if there is one; the terminal gets no goodbye."""
        self._abandon(NO_CONNECTION)

    def call(self, command: Command, *parameters: Any) -> Any:
        """Send a request and wait for its reply, without limit.

        Returns:
            The data of the reply, as `wire.decode_reply_data` reads it.
        Raises:
            CallError: with the terminal's own code or with that of a broken connection.
        """
        return self.call_with_result(command, *parameters)[1]

    def call_with_result(self, command: Command, *parameters: Any) -> tuple[int, Any]:
        """As `call`, with the reply's result in front of its data."""
        frame = wire.encode_request(command, *parameters)
        with self._lock:
            body = self._exchange(frame)
        try:
            number, result, data = wire.decode_reply(body)
            if number != command:
                raise call_error(CALL_FAILED)
            if result < 0:
                raise call_error(result, command)
            return result, wire.decode_reply_data(command, data)
        except WireError as error:
            raise call_error(RECEIVE_FAILED) from error

    def _exchange(self, frame: bytes) -> bytes:
        if self._socket is None or self._stream is None:
            raise call_error(self._dead_code)
        try:
            self._send(self._socket, frame)
            if self._holds_gil:
                held_gil.wait_for_bytes(self._socket)
            return self._receive(self._stream)
        except CallError:
            raise
        except BaseException:
            # Interrupted, say by Ctrl-C: the reply is still to come and would answer the next call.
            self._abandon(NO_CONNECTION)
            raise

    def _send(self, connection: socket.socket, frame: bytes) -> None:
        try:
            _require_peer(connection)
            connection.sendall(frame)
        except OSError as error:
            raise self._die(SEND_FAILED, SEND_FAILED) from error

    def _receive(self, stream: io.BufferedReader) -> bytes:
        try:
            head = stream.read(wire.LENGTH.size)
            body = stream.read(*wire.LENGTH.unpack(head)) if len(head) == wire.LENGTH.size else b""
        except OSError as error:
            raise self._die(RECEIVE_FAILED, NO_CONNECTION) from error
        if not head:
            raise self._die(RECEIVE_FAILED, NO_CONNECTION)
        if len(head) < wire.LENGTH.size or len(body) < wire.LENGTH.unpack(head)[0]:
            raise self._die(RECEIVE_FAILED, SEND_FAILED)
        return body

    def _die(self, now: int, from_now_on: int) -> CallError:
        self._abandon(from_now_on)
        return call_error(now)

    def _abandon(self, from_now_on: int) -> None:
        self._dead_code = from_now_on
        stream, self._stream = self._stream, None
        connection, self._socket = self._socket, None
        if stream is not None:
            stream.close()
        if connection is not None:
            connection.close()


def _connect(address: Address, deadline: float) -> socket.socket:
    while True:
        try:
            connection = socket.create_connection(address)
        except OSError as error:
            if time.monotonic() + _POLL_S > deadline:
                raise CallError(INITIALIZE_FAILED, _NO_ANSWER) from error
            time.sleep(_POLL_S)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection


def _require_peer(connection: socket.socket) -> None:
    """Notice that the terminal has gone since the last call; a send alone would still succeed."""
    if not hasattr(socket, "MSG_DONTWAIT") and not select.select([connection], [], [], 0)[0]:
        return
    with contextlib.suppress(BlockingIOError):
        if not connection.recv(1, _PEEK):
            raise ConnectionResetError("the terminal has closed the connection")


def call_error(code: int, command: Command | None = None) -> CallError:
    """Put the package's words to a code; some commands have words of their own."""
    text = _COMMAND_TEXTS.get((command, code)) if command is not None else None
    return CallError(code, text or _TEXTS.get(code, "Terminal: Call failed"))
