"""Words of the process's end: none is lost, each is heard by one listener, and what watches is let go."""

import threading

import pytest

from hybrid_bridge.host.endings import Ending, Endings, watch_endings

CLOSED = Ending("the console's window was closed", 12.5)
LOG_OFF = Ending("the user logs off", 13.0)
ASKED = Ending("it was asked to close", None)


def test_what_is_said_before_anybody_listens_is_heard_first():
    endings, heard = Endings(), []
    endings.announce(CLOSED)
    endings.announce(LOG_OFF)
    with endings.passed_to(heard.append):
        endings.announce(ASKED)
    assert [CLOSED, LOG_OFF, ASKED] == heard


def test_what_is_said_after_a_listener_has_left_waits_for_the_next():
    endings, first, second = Endings(), [], []
    with endings.passed_to(first.append):
        endings.announce(CLOSED)
    endings.announce(LOG_OFF)
    with endings.passed_to(second.append):
        pass
    assert ([CLOSED], [LOG_OFF]) == (first, second)


def test_a_listener_leaves_also_when_what_it_listened_for_fails():
    endings, heard = Endings(), []
    with pytest.raises(ZeroDivisionError), endings.passed_to(heard.append):
        heard.append(1 / 0)
    endings.announce(CLOSED)
    assert [] == heard


def test_who_has_something_to_say_to_the_log_waits_for_the_first_listener():
    endings, spoken = Endings(), threading.Event()

    def speak() -> None:
        endings.wait_listened_to()
        spoken.set()

    speaking = threading.Thread(target=speak)
    speaking.start()
    assert not spoken.wait(0.05)
    with endings.passed_to(lambda _: None):
        assert spoken.wait(5)
    speaking.join()


def test_done_closes_what_watches():
    endings, closed = Endings(), []
    endings.at_the_end(lambda: closed.append("window"))
    assert [] == closed
    endings.done()
    assert ["window"] == closed


def test_watching_begins_and_ends_on_every_system():
    before = threading.enumerate()
    endings = watch_endings()
    watching = [thread for thread in threading.enumerate() if thread not in before]
    endings.done()
    for thread in watching:
        thread.join(20)  # The first window under Wine takes its time.
        assert not thread.is_alive()
