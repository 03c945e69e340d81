"""The control port's other end, against sockets that behave and sockets that do not."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hybrid_bridge.simulator.control_client import ControlError, SimulatorControl

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def served(serve: Serve, host: str = "127.0.0.1") -> Iterator[str]:
    """Let a function serve the first connection to the address that is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(5)

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        port = listener.getsockname()[1]
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        thread.join(5)


def answering(asked: list[bytes], *answers: bytes) -> Serve:
    """Return a server that answers each line with the next answer, and then closes."""

    def serve(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        for answer in answers:
            asked.append(lines.readline())
            connection.sendall(answer)
        lines.close()

    return serve


def test_each_request_is_one_line_and_its_answer_comes_back():
    asked: list[bytes] = []
    answers = (b'{"ok": true, "ticks": {"EURUSD": 3}}\n', b'{"ok": true}\n')
    with served(answering(asked, *answers)) as address, SimulatorControl(address) as control:
        assert {"ticks": {"EURUSD": 3}} == control.stats()
        control.fault("stall", command="order_send", seconds=0)
    assert [
        b'{"do": "stats"}\n',
        b'{"do": "fault", "name": "stall", "command": "order_send", "seconds": 0}\n',
    ] == asked


def test_arrivals_come_back_as_tuples():
    answer = b'{"ok": true, "arrivals": [[234001, "hb:1", 1790000000000000001]]}\n'
    with served(answering([], answer)) as address, SimulatorControl(address) as control:
        assert [(234001, "hb:1", 1790000000000000001)] == control.arrivals()


def test_a_refusal_is_told_in_the_simulators_words():
    answer = b'{"ok": false, "error": "unknown fault \'stal\'"}\n'
    with (
        served(answering([], answer)) as address,
        SimulatorControl(address) as control,
        pytest.raises(ControlError, match="unknown fault 'stal'"),
    ):
        control.fault("stal")


def test_a_simulator_that_goes_away_before_its_answer_is_no_answer():
    with (
        served(answering([], b"")) as address,
        SimulatorControl(address) as control,
        pytest.raises(ConnectionError, match="closed its control port"),
    ):
        control.stats()


def test_one_that_hangs_is_waited_for_only_so_long():
    done = threading.Event()
    with served(lambda _: done.wait(5) and None) as address, SimulatorControl(address, 0.2) as control:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            control.stats()
        assert time.monotonic() - begun < 3
        done.set()


def test_nobody_there_is_an_os_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        SimulatorControl(f"127.0.0.1:{port}")


def test_kill_returns_once_the_connection_is_broken():
    gone: list[float] = []

    def die(connection: socket.socket) -> None:
        connection.recv(100)
        # A process that is killed with unread input resets the connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.append(time.monotonic())

    with served(die) as address, SimulatorControl(address) as control:
        control.kill()
        assert gone


def test_an_ipv6_address_is_understood():
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(served(answering([], b'{"ok": true}\n'), "::1"))
        except OSError:
            pytest.skip("this computer has no IPv6")
        control = stack.enter_context(SimulatorControl(address))
        control.clear()
