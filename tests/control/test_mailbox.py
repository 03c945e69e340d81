"""What waits to be written."""

import asyncio

import pytest

from hybrid_bridge.control.mailbox import Mailbox
from hybrid_bridge.errors import ChannelError


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox(slots_max=3, answers_max=3, answer_bytes_max=100)


def drained(mailbox: Mailbox) -> list[bytes]:
    return list(iter(mailbox.take_now, None))


def test_the_latest_of_a_slot_wins_and_keeps_the_slots_place(mailbox):
    mailbox.put_latest("account", b"account 1", keep=True)
    mailbox.put_latest("tick", b"tick 1", keep=False)
    mailbox.put_latest("account", b"account 2", keep=True)
    assert [b"account 2", b"tick 1"] == drained(mailbox)


def test_answers_go_first_and_in_order(mailbox):
    mailbox.put_latest("account", b"account", keep=True)
    mailbox.put_answer(b"one")
    mailbox.put_answer(b"two")
    assert [b"one", b"two", b"account"] == drained(mailbox)


def test_a_new_connection_is_sent_what_is_kept_and_no_answer_of_the_old_one(mailbox):
    mailbox.put_latest("account", b"account", keep=True)
    mailbox.put_latest("tick", b"tick", keep=False)
    drained(mailbox)
    mailbox.put_answer(b"answer")
    mailbox.reopen()
    assert [b"account"] == drained(mailbox)


def test_what_was_not_sent_before_the_connection_ended_is_sent_on_the_next(mailbox):
    mailbox.put_latest("tick", b"tick", keep=False)
    mailbox.reopen()
    assert [b"tick"] == drained(mailbox)


def test_a_slot_too_many_is_refused_until_one_is_free(mailbox):
    for number in range(3):
        mailbox.put_latest(f"tick:{number}", b"tick", keep=False)
    with pytest.raises(ChannelError, match="slot 'tick:3': there are 3 already"):
        mailbox.put_latest("tick:3", b"tick", keep=False)
    mailbox.put_latest("tick:0", b"newer", keep=False)
    assert b"newer" == mailbox.take_now()
    mailbox.put_latest("tick:3", b"tick", keep=False)


def test_an_answer_too_many_is_refused(mailbox):
    for _ in range(3):
        mailbox.put_answer(b"answer")
    with pytest.raises(ChannelError, match="at most 3 answers"):
        mailbox.put_answer(b"answer")
    assert [b"answer"] * 3 == drained(mailbox)
    mailbox.put_answer(b"answer")


def test_answers_too_long_together_are_refused_but_a_single_long_one_is_not(mailbox):
    mailbox.put_answer(b"x" * 200)
    with pytest.raises(ChannelError, match="200 bytes"):
        mailbox.put_answer(b"y")
    assert [b"x" * 200] == drained(mailbox)
    mailbox.put_answer(b"y" * 60)
    mailbox.put_answer(b"z" * 40)
    with pytest.raises(ChannelError):
        mailbox.put_answer(b"!")


async def test_taking_waits_until_there_is_something(mailbox):
    taking = asyncio.gather(mailbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    mailbox.put_latest("account", b"account", keep=True)
    assert [b"account"] == await taking
    mailbox.reopen()
    assert b"account" == await mailbox.take()
