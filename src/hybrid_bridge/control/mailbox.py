"""Messages that wait to be written to the WebSocket, with a bound on all of them.

Two kinds. A slot (account_info, positions, bridge_status, a symbol's tick) holds the latest message only, so
that a slow or absent backend costs no memory and never gets old news first. Answers are kept in order up to a
bound; the client hangs up on a backend that lets them pile up beyond it, for an answer left out in silence is
worse than a connection made anew. Does no I/O. One client owns one mailbox.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from hybrid_bridge.errors import ChannelError


@dataclass(slots=True)
class _Slot:
    body: bytes
    kept: bool


class Mailbox:
    """What is to be written, latest-wins slots and bounded answers."""

    def __init__(self, slots_max: int, answers_max: int, answer_bytes_max: int) -> None:
        self._slots_max = slots_max
        self._answers_max = answers_max
        self._answer_bytes_max = answer_bytes_max
        self._slots: dict[str, _Slot] = {}
        self._unsent: dict[str, None] = {}  # slot names in the order of their first unsent message
        self._answers: deque[bytes] = deque()
        self._answer_bytes = 0
        self._filled = asyncio.Event()

    def put_latest(self, slot: str, body: bytes, keep: bool) -> None:
        """Put a message into its slot, in place of an earlier one.

        Args:
            keep: whether it is sent again on every new connection.
        Raises:
            ChannelError: when there are slots_max slots already.
        """
        if slot not in self._slots and len(self._slots) >= self._slots_max:
            raise ChannelError(f"slot {slot!r}: there are {self._slots_max} already, and no more are kept")
        self._slots[slot] = _Slot(body, keep)
        self._unsent[slot] = None
        self._filled.set()

    def put_answer(self, body: bytes) -> None:
        """Put an answer at the end of the line.

        Raises:
            ChannelError: when it does not fit; the answer is not kept then.
        """
        if len(self._answers) >= self._answers_max or (
            self._answers and self._answer_bytes + len(body) > self._answer_bytes_max
        ):
            raise ChannelError(
                f"{len(self._answers)} answers ({self._answer_bytes} bytes) wait to be read by the backend; "
                f"at most {self._answers_max} answers or {self._answer_bytes_max} bytes are kept"
            )
        self._answers.append(body)
        self._answer_bytes += len(body)
        self._filled.set()

    def take_now(self) -> bytes | None:
        """Take out the next message, answers first; None when there is none."""
        if self._answers:
            body = self._answers.popleft()
            self._answer_bytes -= len(body)
            return body
        if not self._unsent:
            return None
        name = next(iter(self._unsent))
        del self._unsent[name]
        slot = self._slots[name]
        if not slot.kept:
            del self._slots[name]
        return slot.body

    async def take(self) -> bytes:
        """Take out the next message, waiting until there is one."""
        while (body := self.take_now()) is None:
            self._filled.clear()
            await self._filled.wait()
        return body

    def forget_kept(self) -> None:
        """Forget what is kept for new connections, sent or not: it is news no more."""
        for name in [name for name, slot in self._slots.items() if slot.kept]:
            del self._slots[name]
            self._unsent.pop(name, None)

    def reopen(self) -> None:
        """Begin a new connection: kept slots are due again, answers to the old one are void."""
        self._answers.clear()
        self._answer_bytes = 0
        self._unsent.update(dict.fromkeys(self._slots))  # Slots not kept are gone once sent.
        if self._unsent:
            self._filled.set()
