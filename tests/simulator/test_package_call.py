"""What surrounds every function of the package."""

from typing import Any

import pytest

from hybrid_bridge.simulator.package_call import no_arguments, run, session, unnamed, with_keywords
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
        run("ask", None, raising(PendingError(TypeError("an int is due"))))
    assert isinstance(caught.value.__cause__, TypeError)


def test_another_exception_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        run("ask", None, raising(ZeroDivisionError()))


def test_the_three_conventions_keep_name_and_docstring() -> None:
    def ask() -> str:
        """ask()"""
        return "asked"

    for made in (no_arguments()(ask), unnamed("")(ask), with_keywords()(ask)):
        assert (made.__name__, made.__doc__, made()) == ("ask", "ask()", "asked")


def test_optional_unnamed_arguments_may_be_left_out() -> None:
    @unnamed("S|pi")
    def ask(*arguments: Any) -> tuple[Any, ...]:
        return arguments

    assert ask("EURUSD") == ("EURUSD",)
    assert ask("EURUSD", "") == ("EURUSD", False)
    assert ask("EURUSD", 1, 5) == ("EURUSD", True, 5)
    assert ask() is None
    assert ask("EURUSD", 1, 5, 6) is None
