"""The other end of a simulated terminal's control port: faults and figures, for tests and demos.

Owns a blocking connection and one method per request; the meaning is in `control` and `faults`.
"""

import json
import socket
from typing import Any, Final, Self

_TIMEOUT_S: Final = 10.0


class ControlError(Exception):
    """A request that the simulated terminal refused, in its words."""


class SimulatorControl:
    """Control a running simulated terminal.

    Args:
        address: host:port of the control port, as the simulator prints it at its start.
        timeout_s: how long to wait for the connection and for each answer.
    Raises:
        OSError: if nobody listens there.
    """

    def __init__(self, address: str, timeout_s: float = _TIMEOUT_S) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the faults stay in force."""
        self._lines.close()
        self._socket.close()

    def fault(self, name: str, **options: Any) -> None:
        """Put a fault in force, for example `fault("stall", command="order_send", seconds=2)`.

        Raises:
            ControlError: if the simulator does not know it or an option makes no sense.
        """
        self._ask({"do": "fault", "name": name, **options})

    def clear(self) -> None:
        """Lift all faults; stalled calls go on."""
        self._ask({"do": "clear"})

    def stats(self) -> dict[str, Any]:
        """Ask what was served and generated so far.

        Returns:
            ticks (per symbol), calls (per command), orders, clients, and shift_msc of the feed.
        """
        return self._ask({"do": "stats"})

    def arrivals(self) -> list[tuple[int, str, int]]:
        """Ask when the latest orders reached the terminal.

        Returns:
            Magic, comment and time (wall clock, nanoseconds since 1970) of each order_send, oldest first; at
            most the latest 10,000.
        """
        arrivals = self._ask({"do": "arrivals"})["arrivals"]
        return [(magic, comment, time_ns) for magic, comment, time_ns in arrivals]

    def hang_up(self) -> None:
        """Close every client's connection."""
        self._ask({"do": "hang_up"})

    def pause(self) -> None:
        """Stop prices and the server's clock."""
        self._ask({"do": "pause"})

    def resume(self) -> None:
        """Let prices come again, where they stopped."""
        self._ask({"do": "resume"})

    def step(self, moments: int = 1) -> int:
        """Bring the ticks of the next moments now, then pause.

        Returns:
            How many ticks came.
        """
        return int(self._ask({"do": "step", "moments": moments})["ticks"])

    def change_speed(self, speed: float) -> None:
        """Let prices come so many times faster.

        Raises:
            ControlError: if it is no number above 0.
        """
        self._ask({"do": "speed", "speed": speed})

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Bring a price now, paused or not.

        Raises:
            ControlError: for a symbol that is not there, or a bid above the ask.
        """
        self._ask({"do": "quote", "symbol": symbol, "bid": bid, "ask": ask})

    def deposit(self, amount: float, *, credit: bool = False) -> None:
        """Pay money into the account that is logged in, or out of it where the amount is negative.

        Args:
            credit: as money that the broker lends: it counts in the equity, not in the balance.
        """
        self._ask({"do": "deposit", "amount": amount, "credit": credit})

    def trade(self, **request: Any) -> dict[str, Any]:
        """Trade by hand, as a person at the terminal does.

        Args:
            request: fields of a trade request.
        Returns:
            retcode, order, deal and price of the result.
        Raises:
            ControlError: if a field is not known.
        """
        return self._ask({"do": "trade", **request})

    def stop(self) -> None:
        """End the simulator in order."""
        self._ask({"do": "stop"})

    def kill(self) -> None:
        """End the simulator at once, and wait until its connection breaks."""
        self._send({"do": "kill"})
        try:
            self._lines.read()
        except ConnectionError:
            return

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._send(request)
        line = self._lines.readline()
        if not line:
            raise ConnectionError("the simulated terminal closed its control port")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise ControlError(answer["error"])
        return answer

    def _send(self, request: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(request).encode() + b"\n")
