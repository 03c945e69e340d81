"""What surrounds every function of the package."""

from typing import Any

import pytest

from hybrid_bridge.simulator.package_call import (
    finish,
    no_arguments,
    run,
    session,
    unnamed,
    untouched,
    with_keywords,
)
from hybrid_bridge.simulator.request_parsing import ArgumentError, PendingError
from hybrid_bridge.simulator.session import CallError

pytestmark = pytest.mark.usefixtures("fresh_session")


def raising(error: Exception) -> Any:
    def work() -> None:
        raise error

    return work


def test_success_is_noted_before_the_work_begins() -> None:
    assert run("ask", None, lambda: session.last_error) == (1, "Success")


def test_failures_become_the_functions_own_value_and_the_last_error() -> None:
    assert run("ask", False, raising(CallError(-4, "Terminal: Not found"))) is False
    assert session.last_error == (-4, "Terminal: Not found")
    assert run("ask", None, raising(ArgumentError("Invalid arguments"))) is None
    assert session.last_error == (-2, "Invalid arguments")


def test_a_pending_exception_becomes_a_system_error_with_its_cause() -> None:
    with pytest.raises(SystemError, match="<built-in function ask> returned a result") as caught:
        run("ask", None, raising(PendingError(TypeError("an int is due"), (-2, "Invalid arguments"))))
    assert isinstance(caught.value.__cause__, TypeError)
    assert session.last_error == (-2, "Invalid arguments")


def test_bad_arguments_may_have_a_value_of_their_own() -> None:
    assert run("ask", None, raising(ArgumentError("Invalid arguments")), on_refusal=False) is False
    assert run("ask", None, raising(CallError(-1, "Terminal: Call failed")), on_refusal=False) is None


def test_a_call_goes_on_with_an_exception_pending_and_fails_at_its_end() -> None:
    cause = OverflowError("too large")
    with pytest.raises(PendingError) as caught:
        finish(cause, raising(CallError(-4, "Terminal: Not found")))
    assert (cause, (-4, "Terminal: Not found")) == (caught.value.cause, caught.value.last_error)
    with pytest.raises(PendingError) as caught:
        finish(cause, lambda: 5)
    assert caught.value.last_error == (1, "Success")
    assert finish(None, lambda: 5) == 5


def test_another_exception_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        run("ask", None, raising(ZeroDivisionError()))


def test_the_three_conventions_keep_name_and_docstring() -> None:
    def ask(*_: Any) -> str:
        """ask()

        Say so
        """
        return "asked"

    for made in (no_arguments()(ask), unnamed("")(ask), with_keywords()(ask), untouched(ask)):
        assert (made.__name__, made.__doc__, made()) == ("ask", "ask()\n\nSay so", "asked")
        assert repr(made) == "<built-in function ask>"


def test_optional_unnamed_arguments_may_be_left_out() -> None:
    @unnamed("S|pi")
    def ask(*arguments: Any) -> tuple[Any, ...]:
        return arguments

    assert ask("EURUSD") == ("EURUSD",)
    assert ask("EURUSD", "") == ("EURUSD", False)
    assert ask("EURUSD", 1, 5) == ("EURUSD", True, 5)
    assert ask() is None
    assert ask("EURUSD", 1, 5, 6) is None
