"""What befalls a request besides its own words: who sent it, and what the market lets of it.

Owns one frozen description, made by the server out of the faults in force and handed to the desk
along with the request. Without it a request comes from a program and meets the market as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_bridge.simulator import constants as mt5


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a request is carried out.

    Attributes:
        reason: who sent it, an ORDER_REASON.
        fill_share: the part of a market order's volume that finds a counterparty at once, 0 to 1.
        held_msc: how long a market order waits at the server before anything of it is filled,
            milliseconds of the server's clock; None: not at all.
        comment: what the server puts in place of the request's comment; None: nothing.
    """

    reason: int = mt5.ORDER_REASON_EXPERT
    fill_share: float = 1.0
    held_msc: int | None = None
    comment: str | None = None

    @property
    def by_hand(self) -> bool:
        """Tell whether a person at the terminal trades, whom no switch for programs stops."""
        return self.reason == mt5.ORDER_REASON_CLIENT


USUAL = Terms()
