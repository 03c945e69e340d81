"""What must happen in a seed for its crash point to be reached at all.

Owns the words in a point's name that ask for something: a stop, a full disk, a refused price. Without it some
points would be visited once in ten thousand seeds.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hints:
    """What a seed is to contain, whatever it draws.

    Attributes:
        stops, hands: at least so many emergency stops, and trades by hand.
        fates, disturbances: kinds that must be in play.
        ends_in_order: the first life is asked to stop.
        starts_stopped: EMERGENCY_STOP=true.
        flood: more messages at once than the inbox holds: "signals", "malformed" or "stops".
        long_silence: the terminal is away for longer than an unknown outcome is waited for.
        short_memory: the engine forgets what is over at once, so that the journal must know it.
    """

    stops: int = 0
    hands: int = 0
    fates: tuple[str, ...] = ()
    disturbances: tuple[str, ...] = ()
    ends_in_order: bool = False
    starts_stopped: bool = False
    flood: str = ""
    long_silence: bool = False
    short_memory: bool = False


LOST = ("lost_done", "lost_never", "timeout_later", "hung_done")
STOP_WORDS = (
    "clearing.",
    "AccountCleared",
    "_stop_trading",
    "TradingStateChanged",
    "_resume",
    "withhold",
    "put_first",
    "appraise(query) #2",
)


def hints_for(point: str) -> Hints:
    """Return what a crash point needs."""

    def names(*words: str) -> bool:
        return any(word in point for word in words)

    fates: tuple[str, ...] = ()
    if names("_send_again", "_judge_again", "OrderRetried", "_why_not"):
        fates += ("requote", "price_off", "price_changed")
    if names("_with_price"):
        fates += ("zero_price",)
    if names("reconciler", "escalat", "look_at_doubts", "abandon"):
        fates += LOST
    disturbances: tuple[str, ...] = ()
    if names("JOURNAL_RETRY", "_until_written"):
        disturbances += ("disk_full",)
    if names("lock", "_changed", "withhold"):
        disturbances += ("slow_disk",)
    if names("_may_be_tried", "clearing.EmergencyClearing._try", "self._try("):
        disturbances += ("market_closed",)
    floods = {"ORDERS_MAX": "signals", "FACTS_MAX": "malformed", "STOPS_MAX": "stops"}
    return Hints(
        stops=3 if names(*STOP_WORDS) else 0,
        hands=6 if names("Position", "clearing.") else 0,
        fates=fates,
        disturbances=disturbances,
        ends_in_order=names("drain", "wait_empty"),
        starts_stopped=names("commit(engine.stop(state"),
        flood=next((kind for word, kind in floods.items() if word in point), ""),
        long_silence=names("escalat"),
        short_memory=names("commit((duplicate,))"),
    )
