"""How a connection to the terminal is made, how it dies and what later calls then say."""

import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hybrid_bridge.simulator import wire
from hybrid_bridge.simulator.session import CallError, Session
from hybrid_bridge.simulator.wire import Command


@pytest.fixture
def session(scripted: Any) -> Iterator[Session]:
    session = Session()
    session.connect(address_of(scripted), retry_ms=0)
    yield session
    session.close()


def address_of(scripted: Any) -> tuple[str, int]:
    host, port = scripted.address.split(":")
    return host, int(port)


def failure(session: Session, *call: Any) -> tuple[int, str]:
    with pytest.raises(CallError) as caught:
        session.call(*(call or (Command.POSITIONS_TOTAL,)))
    return caught.value.code, caught.value.text


def test_the_handshake_sends_the_measured_requests(scripted: Any, session: Session) -> None:
    session.authorise((123, "pw", "srv"), 60_000)
    assert scripted.requests == [
        (Command.HELLO, (3, "Python")),
        (Command.LOGIN, (0, 123, "pw", "srv")),
        (Command.AUTHORISATION, ()),
    ]
    assert session.build == 6231


def test_without_an_account_nobody_logs_in(scripted: Any, session: Session) -> None:
    session.authorise(None, 100)
    assert [command for command, _ in scripted.requests] == [Command.HELLO, Command.AUTHORISATION]


def test_a_terminal_that_is_not_ready_is_asked_again(scripted: Any, session: Session) -> None:
    states = iter([0, 1, 2])
    scripted.script = lambda command, _: {
        Command.AUTHORISATION: lambda: wire.encode_reply(command, next(states))
    }[command]()
    session.authorise(None, 60_000)
    assert list(states) == []


def test_it_is_asked_as_often_as_the_timeout_has_tenths_of_a_second(scripted: Any, session: Session) -> None:
    scripted.script = lambda command, _: wire.encode_reply(command, 0)
    with pytest.raises(CallError) as caught:
        session.authorise(None, 101)
    assert caught.value.args == (-10005, "IPC timeout")
    assert sum(command is Command.AUTHORISATION for command, _ in scripted.requests) == 2


def test_a_refused_authorisation_is_minus_6(scripted: Any, session: Session) -> None:
    scripted.script = lambda command, _: wire.encode_reply(command, wire.REFUSED)
    with pytest.raises(CallError) as caught:
        session.authorise(None, 60_000)
    assert caught.value.args == (-6, "Terminal: Authorization failed")


def test_nobody_listening_is_minus_10003_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    started = time.monotonic()
    with pytest.raises(CallError) as caught:
        Session().connect(address, retry_ms=0)
    expected = "IPC initialize failed, Pipe server didn't answer in 60 sec"
    assert (-10003, expected) == caught.value.args
    assert time.monotonic() - started < 10


def test_a_terminal_that_comes_up_while_it_is_tried_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    listening: list[socket.socket] = []

    def answer() -> None:
        listener = socket.create_server(address)
        listening.append(listener)
        client, _ = listener.accept()
        client.recv(1000)
        client.sendall(wire.encode_reply(Command.HELLO, 6231))
        client.close()
        listener.close()

    later = threading.Timer(0.25, answer)
    later.start()
    session = Session()
    session.connect(address, retry_ms=5000)
    later.join(5)
    session.close()
    assert session.build == 6231


@pytest.mark.parametrize(
    ("code", "command", "text"),
    [
        (-1, Command.POSITIONS_TOTAL, "Terminal: Call failed"),
        (-2, Command.POSITIONS_TOTAL, "Terminal: Invalid params"),
        (-3, Command.POSITIONS_TOTAL, "Terminal: Out of memory"),
        (-4, Command.POSITIONS_TOTAL, "Terminal: Not found"),
        (-6, Command.POSITIONS_TOTAL, "Terminal: Authorization failed"),
        (-7, Command.POSITIONS_TOTAL, "Terminal: Unsupported function"),
        (-8, Command.POSITIONS_TOTAL, "Terminal: Call failed"),
        (-9, Command.POSITIONS_TOTAL, "Terminal: Call failed"),
        (-10005, Command.POSITIONS_TOTAL, "IPC timeout"),
    ],
)
def test_a_negative_result_has_its_words(
    scripted: Any, session: Session, code: int, command: Command, text: str
) -> None:
    scripted.script = lambda number, _: wire.encode_error(number, code)
    assert (code, text) == failure(session, command)


def test_a_reply_to_another_command_is_minus_10000_and_harmless(scripted: Any, session: Session) -> None:
    scripted.script = lambda *_: wire.encode_reply(Command.ORDERS_TOTAL, 5)
    assert failure(session) == (-10000, "IPC call failed")
    assert session.call(Command.ORDERS_TOTAL) == 5


def test_a_reply_of_the_wrong_size_is_minus_10002_and_harmless(scripted: Any, session: Session) -> None:
    replies = [
        struct.pack("<IIiIB", 13, Command.POSITIONS_TOTAL, 1, 7, 0),
        struct.pack("<IIi", 8, Command.POSITIONS_TOTAL, 1),
        struct.pack("<II", 4, Command.POSITIONS_TOTAL),
        wire.encode_reply(Command.POSITIONS_TOTAL, 7),
    ]
    scripted.script = lambda *_: replies.pop(0)
    for _ in range(3):
        assert failure(session) == (-10002, "IPC recv failed")
    assert session.call(Command.POSITIONS_TOTAL) == 7


def test_a_terminal_that_dies_during_a_call_is_10002_then_10004_for_ever(
    scripted: Any, session: Session
) -> None:
    scripted.script = lambda *_: None
    assert failure(session) == (-10002, "IPC recv failed")
    for _ in range(3):
        assert failure(session) == (-10004, "No IPC connection")


def test_a_terminal_that_dies_within_a_reply_is_10002_then_10001_for_ever(
    scripted: Any, session: Session
) -> None:

    def half(*_: Any) -> None:
        scripted._client.sendall(wire.encode_reply(Command.POSITIONS_TOTAL, 7)[:9])

    scripted.script = half
    assert failure(session) == (-10002, "IPC recv failed")
    for _ in range(3):
        assert failure(session) == (-10001, "IPC send failed")


def test_a_terminal_that_dies_between_calls_is_10001_for_ever(scripted: Any, session: Session) -> None:
    scripted.hang_up()
    for _ in range(3):
        assert failure(session) == (-10001, "IPC send failed")


def test_connecting_again_heals_a_broken_connection(scripted: Any, session: Session) -> None:
    scripted.hang_up()
    failure(session)
    session.connect(address_of(scripted), retry_ms=0)
    scripted.script = lambda command, _: wire.encode_reply(command, 3)
    assert session.call(Command.POSITIONS_TOTAL) == 3


def test_a_closed_session_has_no_connection(scripted: Any, session: Session) -> None:
    session.close()
    assert failure(session) == (-10004, "No IPC connection")


@pytest.mark.not_on_windows("there a signal does not interrupt a socket that waits")
def test_an_interrupted_call_gives_its_connection_up(scripted: Any, session: Session) -> None:
    released = threading.Event()
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def interrupt(command: Command, _: Any) -> bytes:
        signal.pthread_kill(main_thread, signal.SIGINT)
        released.wait(5)
        return wire.encode_reply(command, 1)

    scripted.script = interrupt
    with pytest.raises(KeyboardInterrupt):
        session.call(Command.POSITIONS_TOTAL)
    released.set()
    assert failure(session) == (-10004, "No IPC connection")


def test_threads_share_the_connection_one_call_at_a_time(scripted: Any, session: Session) -> None:
    scripted.script = lambda command, parameters: wire.encode_reply(command, float(parameters[2]))
    wrong: list[float] = []

    def ask(volume: float) -> None:
        for _ in range(50):
            found = session.call(Command.ORDER_CALC_MARGIN, 0, "EURUSD", volume, 1.0)
            if found != volume:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wrong == []
