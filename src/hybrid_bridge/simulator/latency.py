"""How long calls take at a terminal: usually about so long, now and then much longer.

Owns the distribution; draws from the random numbers it is given, so that a run can be repeated. Waits
for nothing itself. Held by the fault board.
"""

from dataclasses import dataclass
from random import Random

from hybrid_bridge.simulator.fault_options import Options, read_command, read_range, read_share
from hybrid_bridge.simulator.wire import Command


@dataclass(frozen=True, kw_only=True)
class Latency:
    """A distribution of waits, in milliseconds.

    Attributes:
        usual_ms: shortest and longest of the usual wait.
        tail_ms: shortest and longest of the waits in the tail.
        tail: the tail's share of all calls, 0 to 1.
        command: the command that waits; None: every one.
    """

    usual_ms: tuple[float, float] = (0.0, 0.0)
    tail_ms: tuple[float, float] = (0.0, 0.0)
    tail: float = 0.0
    command: Command | None = Command.ORDER_SEND

    def draw_s(self, command: Command, random: Random) -> float:
        """Draw how long a call takes, in seconds."""
        if self.command is not None and command is not self.command:
            return 0.0
        bounds = self.tail_ms if self.tail and random.random() < self.tail else self.usual_ms
        return random.uniform(*bounds) / 1000


def read_latency(options: Options) -> Latency:
    """Read a latency's options: ms, tail_ms, tail, command.

    Raises:
        FaultError: for an option that makes no sense.
    """
    return Latency(
        usual_ms=read_range(options.get("ms", 0)),
        tail_ms=read_range(options.get("tail_ms", 0)),
        tail=read_share(options, "tail", 0.02 if "tail_ms" in options else 0.0),
        command=read_command(options),
    )
