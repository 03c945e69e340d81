"""The one object through which a worker calls the MetaTrader5-shaped module.

Owns the rule that a call and its `last_error()` belong together (it is process-global) and knows which errors
mean that the connection to the terminal is gone. Used by the worker's operations only.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

SUCCESS = 1
# -10000 to -10005: the pipe failed; nothing reconnects by itself. Source: measured with the package 5.0.6231.
LINK_ERRORS = range(-10005, -9999)
INIT_FAILED = -10003
WINDOWS_LETTERS = "mbcs" if sys.platform == "win32" else "cp1252"


class PackageError(Exception):
    """A call gave no result.

    Attributes:
        code: the package's last_error code, negative; 1 where the package says nothing.
    """

    def __init__(self, call: str, code: int, text: str) -> None:
        super().__init__(f"{call}: {text} ({code})")
        self.call = call
        self.code = code
        self.text = text


class Package:
    """The module, its errors as exceptions.

    Attributes:
        link_lost: whether any call since the last `watch_link` found the connection gone.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self.link_lost = False

    @property
    def module(self) -> Any:
        """The module itself, for what is no call."""
        return self._module

    def watch_link(self) -> None:
        """Forget earlier losses of the connection."""
        self.link_lost = False

    def last_error(self) -> tuple[int, str]:
        """Return the code and text of the call just made."""
        try:
            code, text = self._module.last_error()
        except UnicodeDecodeError as error:
            # Only a failed initialize names a path, in letters of Windows' own code page, which the package
            # then reads as UTF-8. Source: measured with 5.0.6231.
            code, text = INIT_FAILED, error.object.decode(WINDOWS_LETTERS, "replace")
        if code in LINK_ERRORS:
            self.link_lost = True
        return code, text

    def raw(self, name: str) -> Callable[..., Any]:
        """Return the module's own function, for a caller that reads `last_error` itself."""
        function: Callable[..., Any] = getattr(self._module, name)
        return function

    def call(self, name: str, *args: Any) -> Any:
        """Call a function with positional arguments.

        Raises:
            PackageError: when the result is None or False.
        """
        return self._checked(name, self.raw(name)(*args))

    def call_with(self, name: str, **keywords: Any) -> Any:
        """Call a function with keywords; `order_send` must never be called this way."""
        return self._checked(name, self.raw(name)(**keywords))

    def ask(self, name: str, *args: Any) -> Any:
        """Call a function whose failure is an answer ("there is none").

        Returns:
            The result, or None when the terminal has none.
        Raises:
            PackageError: when the connection is gone, for then nothing was answered.
        """
        try:
            return self.call(name, *args)
        except PackageError:
            if self.link_lost:
                raise
            return None

    def _checked(self, name: str, result: Any) -> Any:
        if result is None or result is False:
            code, text = self.last_error()
            raise PackageError(name, code, text)
        return result


def row(kind: type[S], record: Any) -> S:
    """Return the fields of a result structure that `kind` names."""
    return kind(*[getattr(record, name) for name in kind.__struct_fields__])
