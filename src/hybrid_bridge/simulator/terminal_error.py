"""The one way a simulated terminal says no to a call.

Owns the exception that the exchange raises and the server turns into a negative result on the wire.
It carries a code only: the words belong to the client, as with a real terminal.
"""


class TerminalError(Exception):
    """A call that the terminal refuses.

    Args:
        code: the negative result on the wire, for example -4 (not found) or -2 (invalid params).

    Source: the MetaTrader5 package 5.0.6231, last_error.
    """

    def __init__(self, code: int) -> None:
        if code >= 0:
            raise ValueError(f"a terminal error's code must be negative, got {code}")
        super().__init__(code)
        self.code = code
