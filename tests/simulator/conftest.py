"""A terminal that answers by script, for what no honest exchange would say."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.package_call import session
from hybrid_bridge.simulator.session import NEVER_CALLED
from hybrid_bridge.simulator.wire import Command

Script = Callable[[Command, tuple[Any, ...]], bytes | None]


class ScriptedTerminal:
    """Serve clients one after the other; replies come from `script`, a frame or None to hang up.

    Attributes:
        requests: every command received, with its parameters.
        script: asked first; the handshake has its own answers when it raises KeyError.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[Command, tuple[Any, ...]]] = []
        self.script: Script = lambda command, _: {}[command]
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self._client: socket.socket | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def hang_up(self) -> None:
        """Close the connection between two calls."""
        assert self._client is not None
        self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closing = True
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        # Elsewhere than on Linux neither shutdown nor close of a listener ends its waiting for a client.
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            self._client, _ = self._listener.accept()
            if self._closing:
                self._client.close()
                return
            with self._client as client, client.makefile("rb") as stream:
                self._serve_client(client, stream)

    def _serve_client(self, client: socket.socket, stream: Any) -> None:
        try:
            while head := stream.read(4):
                request = wire.decode_request(stream.read(wire.LENGTH.unpack(head)[0]))
                self.requests.append(request)
                reply = self._reply(*request)
                if reply is None:
                    return
                client.sendall(reply)
        except OSError:
            return

    def _reply(self, command: Command, parameters: tuple[Any, ...]) -> bytes | None:
        try:
            return self.script(command, parameters)
        except KeyError:
            greetings = {
                Command.HELLO: 6231,
                Command.LOGIN: None,
                Command.AUTHORISATION: wire.AUTHORISED,
            }
            return wire.encode_reply(command, greetings[command])


@pytest.fixture
def scripted() -> Iterator[ScriptedTerminal]:
    """Give a scripted terminal and leave the package's session as a fresh process has it."""
    terminal = ScriptedTerminal()
    yield terminal
    forget_session()
    terminal.close()


@pytest.fixture
def fresh_session() -> Iterator[None]:
    """Give the package's session the state of a fresh process."""
    forget_session()
    yield
    forget_session()


def forget_session() -> None:
    session.close()
    session.build = 0
    session.last_error = NEVER_CALLED
