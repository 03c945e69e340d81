"""Looking names up on threads that nobody waits for.

asyncio looks them up on the threads that serve everything else. A name server that does not answer keeps one
for half a minute: a few such lookups, and an emergency stop typed at the PC is not read, and the process does
not end. Owns those threads, one for each question under way. app and the commands call `use` once.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any


def use(loop: asyncio.AbstractEventLoop) -> None:
    """Have a loop look up names this way, for all that connect on it."""
    loop.getaddrinfo = _Lookups().getaddrinfo  # type: ignore[method-assign]


class _Lookups:
    """The questions under way; who asks the same is given the same answer."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[Any, ...], Future[list[Any]]] = {}

    async def getaddrinfo(self, host: Any, port: Any, **options: int) -> list[Any]:
        """Answer as socket.getaddrinfo, whose arguments these are.

        Raises:
            OSError, UnicodeError: as it does.
        """
        question = (host, port, *sorted(options.items()))
        answer = self._under_way.get(question)
        if answer is None:
            answer = self._under_way[question] = Future()
            self._ask(answer, question, partial(socket.getaddrinfo, host, port, **options))
        return await asyncio.wrap_future(answer)

    def _ask(
        self, answer: Future[list[Any]], question: tuple[Any, ...], ask: Callable[[], list[Any]]
    ) -> None:
        answer.set_running_or_notify_cancel()  # It cannot be called back.

        def look_up() -> None:
            try:
                found = ask()
            except Exception as error:  # noqa: BLE001 - handed to whoever asked
                self._under_way.pop(question, None)
                answer.set_exception(error)
            else:
                self._under_way.pop(question, None)
                answer.set_result(found)

        threading.Thread(target=look_up, name="name lookup", daemon=True).start()
