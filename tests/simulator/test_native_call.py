"""A builtin that sees whether it was given keywords at all."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import BuiltinMethodType
from typing import Any

import pytest

from hybrid_bridge.simulator.native_call import builtin


def seen(arguments: tuple[Any, ...], keywords: Any) -> tuple[tuple[Any, ...], Any]:
    if arguments == ("bad",):
        raise LookupError("raised inside")
    return arguments, keywords


NOTHING: dict[str, Any] = {}
ask = builtin("some.module", "ask", "ask(what)", seen)


def test_it_is_a_builtin_with_a_name_and_a_docstring() -> None:
    assert isinstance(ask, BuiltinMethodType)
    assert repr(ask) == "<built-in function ask>"
    assert (ask.__name__, ask.__doc__, ask.__module__) == ("ask", "ask(what)", "some.module")


def test_a_direct_call_has_no_keywords() -> None:
    assert ask(1) == ((1,), None)
    assert ask() == ((), None)


def test_an_empty_dictionary_of_keywords_is_seen() -> None:
    assert ask(1, **NOTHING) == ((1,), {})
    assert ask(a=1) == ((), {"a": 1})


def test_an_executor_passes_an_empty_dictionary() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask, 1).result(5) == ((1,), {})


async def test_to_thread_passes_none() -> None:
    assert await asyncio.to_thread(ask, 1) == ((1,), None)
    assert await asyncio.get_running_loop().run_in_executor(None, ask, 1) == ((1,), {})


def test_an_exception_passes_through() -> None:
    with pytest.raises(LookupError, match="raised inside"):
        ask("bad")


def test_no_reference_is_kept_or_lost() -> None:
    argument = object()
    before = sys.getrefcount(argument)
    for _ in range(1000):
        ask(argument, **NOTHING)
    assert before == sys.getrefcount(argument)


def test_threads_may_call_it_at_once() -> None:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: results.append(ask(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert [((n,), None) for n in range(8)] == sorted(results)
